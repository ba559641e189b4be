"""Grants obtained with a code that is entered on another device."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from tests.support.grants import GrantOwner
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.grants import authorization, requests
from webapp.mail.models import AuthorizationRequest, GrantStatus
from webapp.mail.oauth.errors import AuthorizationFailed, Pending


@pytest.fixture
def request_of(owner: GrantOwner) -> AuthorizationRequest:
    """The administrator's request for a device code."""
    owner.save(authentication="device_code")
    return authorization.start_device(owner.server, owner.session_id)


@pytest.mark.one_database
def test_a_code_is_entered_on_another_device(owner: GrantOwner, request_of: AuthorizationRequest) -> None:
    with pytest.raises(Pending):
        authorization.check_device(owner.server, owner.session_id)
    owner.provider.type_code(request_of.user_code)
    with pytest.raises(Pending):
        authorization.check_device(owner.server, owner.session_id)
    assert owner.provider.asked == ["urn:ietf:params:oauth:grant-type:device_code"]
    with time_machine.travel(clock.now() + timedelta(seconds=6)):
        assert authorization.check_device(owner.server, owner.session_id)
        # A second page polls too, or the button is pressed while the script polls.
        assert not authorization.check_device(owner.server, owner.session_id)
    assert owner.grant.status == GrantStatus.GENERATED


@pytest.mark.one_database
def test_a_provider_that_says_slow_down_is_polled_less_often(
    owner: GrantOwner, state: AppState, request_of: AuthorizationRequest
) -> None:
    owner.provider.answers = {"error": "slow_down"}
    owner.provider.type_code(request_of.user_code)
    with pytest.raises(Pending):
        authorization.check_device(owner.server, owner.session_id)
    with state.database.read() as session:
        request = session.scalar(requests.waiting(owner.server.id, owner.session_id))
    assert request is not None
    assert request.interval == 10


@pytest.mark.one_database
def test_a_code_that_is_not_entered_in_time_expires(owner: GrantOwner, request_of: AuthorizationRequest) -> None:
    with time_machine.travel(clock.now() + timedelta(minutes=6)), pytest.raises(AuthorizationFailed, match="expired"):
        authorization.check_device(owner.server, owner.session_id)


def test_a_code_that_another_page_used_meanwhile_has_expired(
    app: Flask, owner: GrantOwner, state: AppState, request_of: AuthorizationRequest
) -> None:
    def check() -> bool:
        with app.app_context():
            return authorization.check_device(owner.server, owner.session_id)

    with ThreadPoolExecutor() as pool:
        with state.database.transaction() as session:
            requests.delete_one(session, request_of)
            checked = pool.submit(check)
            time.sleep(0.5)
        with pytest.raises(AuthorizationFailed, match="code_expired"):
            checked.result()
