"""Restoring a revision, and going back by itself."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests.mail.conftest import later
from tests.mail.revisions.conftest import CLOSED, WITHOUT_SIGN_IN, revisions_of
from tests.support.grants import GrantOwner
from tests.support.scripted import ScriptedServer
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.errors import SetInFile
from webapp.mail import servers
from webapp.mail.models import GrantStatus
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.rollback import jobs, service
from webapp.mail.service import NEW, Saved, save
from webapp.outbox import probes
from webapp.outbox.connection import Connections
from webapp.outbox.models import Message
from webapp.settings import declared
from webapp.settings.declared import MAIL_SERVERS, Declared
from webapp.webhooks import service as webhooks
from webapp.webhooks.models import WebhookDelivery

Send = Callable[[], None]
BY_ITSELF = WITHOUT_SIGN_IN | {"goes_back": True}


def restore(owner: GrantOwner, number: int) -> Saved:
    """Restore a revision, as an administrator does."""
    state, server_id = owner.state, owner.server.id
    with state.database.transaction() as session:
        return service.restore(session, state.sealer, server_id, number, "ada@mailroom.example")


def fail_twice(owner: GrantOwner, send: Send, **given: Any) -> None:
    """Use settings that don't work, have an email tried twice, and let the worker do what it wants."""
    owner.save(**{**BY_ITSELF, "port": CLOSED, **given})
    send()
    jobs.roll_back(clock.now())
    with later(seconds=20):
        send()
        jobs.roll_back(clock.now())


def test_restored_settings_bring_their_secrets_along(owner: GrantOwner) -> None:
    proxy = {"proxy_type": "http", "proxy_host": "proxy.example", "proxy_port": 3128, "proxy_username": "mailroom"}
    first, second = {"password": "first"}, {"password": "second", "proxy_password": "needed since"}
    owner.save(authentication="password", **proxy, secrets=first, host="smtp.first.example")
    owner.save(authentication="password", **proxy, secrets=second, host="smtp.second.example")
    restore(owner, 1)
    assert owner.server.host == "smtp.first.example"
    assert servers.open_secrets(owner.state.sealer, owner.server) == first
    newest = revisions_of(owner)[-1]
    assert (newest.number, newest.restored_from, newest.created_by) == (3, 1, "ada@mailroom.example")
    restore(owner, 1)
    assert len(revisions_of(owner)) == 3


def test_a_restored_server_with_oauth2_needs_no_new_consent(granted: GrantOwner) -> None:
    granted.tokens.refresh()
    refresh_token = granted.grant.sealed_refresh_token
    granted.save(authentication="password", secrets={"password": "secret"})
    assert not restore(granted, 1).is_draft
    assert (granted.grant.status, granted.grant.sealed_refresh_token) == (GrantStatus.GENERATED, refresh_token)
    granted.tokens.refresh()
    # Taken, not copied: it may have been replaced since.
    assert not any(one.sealed_tokens for one in revisions_of(granted))


@pytest.mark.one_database
def test_without_its_tokens_a_restored_server_is_a_draft(granted: GrantOwner) -> None:
    granted.provider.revoke()
    with pytest.raises(Exception, match="invalid_grant"):
        granted.tokens.refresh()
    granted.save(authentication="password", secrets={"password": "secret"})
    assert restore(granted, 1).is_draft


@pytest.mark.one_database
def test_tokens_that_need_no_secret_are_never_restored_for_another_host(owner: GrantOwner) -> None:
    public, by_password = {"client_secret": ""}, {"client_secret": "", "password": "secret"}
    owner.provider.public = True
    for host in ("smtp.example.org", "smtp.attacker.example"):
        owner.save(secrets=public, host=host)
        owner.authorize()
        owner.save(secrets=public, host=host)
        elsewhere = revisions_of(owner)[-1].number
        if host == "smtp.attacker.example":
            # So these tokens aren't kept, and only the others are left.
            owner.provider.revoke()
            with pytest.raises(OAuthError):
                owner.tokens.refresh()
        owner.save(authentication="password", secrets=by_password, host="smtp.example.org")
    assert restore(owner, elsewhere).is_draft
    assert owner.grant.status == GrantStatus.NONE


@pytest.mark.one_database
def test_what_the_settings_file_sets_is_not_restored(owner: GrantOwner) -> None:
    for port in (25, 587):
        owner.save(authentication="none", port=port)
    with owner.state.database.transaction() as session:
        declared.add(session, [Declared(MAIL_SERVERS, "port", owner.server.name)])
    with pytest.raises(SetInFile):
        restore(owner, 1)


def test_mailroom_goes_back_by_itself_where_it_should_and_says_so(working: GrantOwner, send: Send) -> None:
    with working.state.database.transaction() as session:
        webhooks.create(session, working.state.sealer, name="Pager", url="https://hooks.example/")
    fail_twice(working, send)
    newest = revisions_of(working)[-1]
    assert (newest.restored_from, newest.created_by, working.server.goes_back) == (1, "", True)
    assert working.server.port == revisions_of(working)[0].values["port"]
    with working.state.database.read() as session:
        assert "mail_server.went_back" in session.scalars(select(AuditEntry.event)).all()
        assert "mail_server.went_back" in session.scalars(select(WebhookDelivery.type)).all()
        [email] = session.scalars(select(Message).where(Message.kind == "mail_server_went_back"))
    assert email.data["changed"] == ["goes_back", "port"]


@pytest.mark.one_database
def test_a_later_change_that_has_nothing_to_do_with_the_failure_stays(working: GrantOwner, send: Send) -> None:
    working.save(**BY_ITSELF, port=CLOSED)
    fail_twice(working, send, mail_from="news@mailroom.example", limit_per_day=10)
    assert revisions_of(working)[-1].restored_from == 1
    server = working.server
    assert (server.port == CLOSED, server.mail_from, server.limit_per_day) == (False, "news@mailroom.example", 10)


@pytest.mark.one_database
def test_there_is_no_rollback_to_the_settings_that_were_restored(
    working: GrantOwner, server: ScriptedServer, send: Send
) -> None:
    working.save(port=CLOSED, **WITHOUT_SIGN_IN)
    restore(working, 1)
    server.close()
    with later(seconds=31):
        send()
    assert (revisions_of(working)[-1].failures, revisions_of(working)[-1].rollback_to) == (1, None)


@pytest.mark.one_database
def test_mailroom_goes_back_although_another_server_sends(
    working: GrantOwner, scripted: Callable[..., ScriptedServer], send: Send
) -> None:
    state, fallback = working.state, scripted(tls="none")
    working.save(**BY_ITSELF, port=CLOSED)
    with state.database.transaction() as session:
        entered = working.entered(**WITHOUT_SIGN_IN, port=fallback.port)
        save(session, state.sealer, entered, "ada@mailroom.example", server_id=NEW)
    send()
    assert len(fallback.messages) == 1
    with later(seconds=20), Connections(state) as connections:
        probes.probe_all(state, connections, clock.now())
        jobs.roll_back(clock.now())
    assert working.server.port != CLOSED


@pytest.mark.one_database
@pytest.mark.parametrize("case", ["not wanted", "one failure", "less encryption", "restored"])
def test_mailroom_leaves_settings_alone(working: GrantOwner, send: Send, case: str) -> None:
    if case == "one failure":
        working.save(**BY_ITSELF, port=CLOSED)
        send()
        jobs.roll_back(clock.now())
    elif case == "not wanted":
        fail_twice(working, send, goes_back=False)
    elif case == "less encryption":
        fail_twice(working, send, security="starttls")
    else:
        working.save(**BY_ITSELF, port=CLOSED)
        working.save(**BY_ITSELF, port=revisions_of(working)[0].values["port"])
        restore(working, 2)
        send()
        with later(seconds=20):
            send()
            jobs.roll_back(clock.now())
    assert working.server.port == CLOSED
