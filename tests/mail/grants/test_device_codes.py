"""Codes that somebody types on another device."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine

from tests.support.grants import GrantOwner
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.grants import authorization, requests
from webapp.mail.models import GrantStatus
from webapp.mail.oauth.errors import AuthorizationFailed, Pending


@pytest.mark.one_database
def test_a_code_is_typed_on_another_device(owner: GrantOwner, parts: AppState) -> None:
    owner.save(authentication="device_code")
    request = authorization.start_device(parts, owner.server, owner.sign_in_id)
    with pytest.raises(Pending):
        authorization.check_device(parts, owner.server, owner.sign_in_id)
    owner.provider.type_code(request.user_code)
    with pytest.raises(Pending):
        authorization.check_device(parts, owner.server, owner.sign_in_id)
    assert owner.provider.asked == ["urn:ietf:params:oauth:grant-type:device_code"]
    with time_machine.travel(clock.now() + timedelta(seconds=6)):
        assert authorization.check_device(parts, owner.server, owner.sign_in_id)
        # A second page asks too, or the button was pressed beside the script.
        assert not authorization.check_device(parts, owner.server, owner.sign_in_id)
    assert owner.grant.status == GrantStatus.GENERATED


@pytest.mark.one_database
def test_a_provider_that_says_slow_down_is_asked_less_often(owner: GrantOwner, parts: AppState) -> None:
    owner.save(authentication="device_code")
    authorization.start_device(parts, owner.server, owner.sign_in_id)
    owner.provider.answers = {"error": "slow_down"}
    owner.provider.type_code(_user_code(owner, parts))
    with pytest.raises(Pending):
        authorization.check_device(parts, owner.server, owner.sign_in_id)
    with parts.database.read() as session:
        request = session.scalar(requests.waiting(owner.server.id, owner.sign_in_id))
    assert request is not None
    assert request.interval == 10


@pytest.mark.one_database
def test_a_code_that_nobody_typed_in_time_is_over(owner: GrantOwner, parts: AppState) -> None:
    owner.save(authentication="device_code")
    authorization.start_device(parts, owner.server, owner.sign_in_id)
    with time_machine.travel(clock.now() + timedelta(minutes=6)), pytest.raises(AuthorizationFailed, match="expired"):
        authorization.check_device(parts, owner.server, owner.sign_in_id)


def test_a_code_that_another_page_has_used_up_meanwhile_is_over(owner: GrantOwner, parts: AppState) -> None:
    owner.save(authentication="device_code")
    request = authorization.start_device(parts, owner.server, owner.sign_in_id)
    with ThreadPoolExecutor() as pool:
        with parts.database.transaction() as session:
            requests.delete_one(session, request)
            checked = pool.submit(authorization.check_device, parts, owner.server, owner.sign_in_id)
            time.sleep(0.5)
        with pytest.raises(AuthorizationFailed, match="expired"):
            checked.result()


def _user_code(owner: GrantOwner, parts: AppState) -> str:
    with parts.database.read() as session:
        request = session.scalar(requests.waiting(owner.server.id, owner.sign_in_id))
    assert request is not None
    return request.user_code
