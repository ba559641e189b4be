"""Settings that can't work yet are kept beside the mail server in use, which goes on sending."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.mail.conftest import later
from tests.support.grants import GrantOwner
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.errors import NotFound, StaleVersion
from webapp.mail import jobs, server_list, servers, signals
from webapp.mail.expiry import alerts
from webapp.mail.models import ExpiryAlert, Grant, GrantStatus, MailServer
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.service import Saved, SecretsRequired

DRAFT = None
WITH_PASSWORD: dict[str, Any] = {"authentication": "password", "secrets": {"password": "in use"}}


def rows(owner: GrantOwner) -> dict[int | None, MailServer]:
    """Return the saved mail servers, by position; the draft has none."""
    with owner.state.database.read() as session:
        return {server.position: server for server in session.scalars(select(MailServer))}


def discard(owner: GrantOwner, version: int | None = None) -> None:
    """Discard the draft."""
    with owner.state.database.transaction() as session:
        server_list.delete(session, owner.server.id, version)


def events(owner: GrantOwner) -> list[str]:
    """Return the audit events about mail servers, grants and alerts."""
    with owner.state.database.read() as session:
        found = session.scalars(select(AuditEntry.event).order_by(AuditEntry.id)).all()
    return [event for event in found if event.startswith(("mail_server", "grant", "expiry"))]


@pytest.fixture
def drafted(owner: GrantOwner) -> GrantOwner:
    """An administrator with a mail server that works, and a draft without an access token."""
    owner.save(**WITH_PASSWORD)
    owner.save(host="smtp.draft.example")
    return owner


def test_settings_without_a_token_leave_the_server_in_use_alone(owner: GrantOwner) -> None:
    before = owner.save(**WITH_PASSWORD).server
    assert owner.save(host="smtp.draft.example").is_draft
    in_use, draft = rows(owner)[servers.PRIMARY], rows(owner)[DRAFT]
    assert in_use.values == before.values
    assert servers.open_secrets(owner.state.sealer, in_use) == {"password": "in use"}
    assert (draft.host, set(draft.sealed_secrets)) == ("smtp.draft.example", {"client_secret"})
    assert events(owner) == ["mail_server.saved", "mail_server.draft_saved"]


@pytest.mark.parametrize("change", [{"client_id": "another"}, {"scopes": "mail.send other"}])
def test_a_server_with_oauth2_keeps_its_token_beside_the_draft(granted: GrantOwner, change: dict[str, Any]) -> None:
    tokens = granted.tokens
    token = tokens.get().value
    assert granted.save(**change).is_draft
    assert granted.grant.status == GrantStatus.NONE
    assert tokens.get().value == token


def test_a_change_that_keeps_the_token_is_in_use_at_once(granted: GrantOwner) -> None:
    assert not granted.save(host="smtp.other.example").is_draft
    assert rows(granted).keys() == {servers.PRIMARY}


@pytest.mark.parametrize("reason", ["never authorized", "refused", "no plugin"])
def test_nothing_is_kept_beside_a_server_that_cannot_work(owner: GrantOwner, reason: str) -> None:
    first = owner.save().server
    if reason != "never authorized":
        owner.authorize()
    if reason == "refused":
        owner.provider.revoke()
        with pytest.raises(OAuthError):
            owner.tokens.refresh()
    elif reason == "no plugin":
        with owner.state.database.transaction() as session:
            session.get_one(MailServer, first.id).provider = "gone"
    assert not owner.save(client_id="another").is_draft
    assert [server.client_id for server in rows(owner).values()] == ["another"]


def test_a_draft_with_a_token_is_put_to_use_by_saving_it(drafted: GrantOwner) -> None:
    heard: list[object] = []
    with signals.mail_server_saved.connected_to(lambda _sender, session: heard.append(session)):
        drafted.authorize()
        assert drafted.save(host="smtp.draft.example", client_id="another").is_draft
        assert drafted.save(host="smtp.draft.example").is_draft
        drafted.authorize()
        assert heard == []
        drafted.save(host="smtp.draft.example", secrets={"client_secret": ""})
    assert len(heard) == 1
    assert {position: server.host for position, server in rows(drafted).items()} == {0: "smtp.draft.example"}
    assert drafted.grant.status == GrantStatus.GENERATED
    assert events(drafted)[-1] == "mail_server.saved"
    assert "mail_server.draft_discarded" not in events(drafted)


def test_settings_that_work_at_once_replace_server_and_draft(drafted: GrantOwner) -> None:
    drafted.authorize()
    assert not drafted.save(**WITH_PASSWORD, host="smtp.third.example").is_draft
    assert sorted(events(drafted)[-2:]) == ["grant.removed", "mail_server.saved"]
    assert {position: server.host for position, server in rows(drafted).items()} == {0: "smtp.third.example"}
    with drafted.state.database.read() as session:
        assert session.scalars(select(Grant)).all() == []


def test_discarding_the_draft_leaves_the_server_in_use(drafted: GrantOwner) -> None:
    drafted.authorize()
    discard(drafted)
    assert rows(drafted).keys() == {servers.PRIMARY}
    assert events(drafted)[-2:] == ["grant.removed", "mail_server.draft_discarded"]


@pytest.mark.parametrize("act", ["save", "discard"])
def test_a_form_shown_before_the_draft_changed_is_stale(owner: GrantOwner, act: str) -> None:
    shown = owner.save(**WITH_PASSWORD).server.version
    owner.save()
    with pytest.raises(StaleVersion):
        owner.save(version=shown, timeout=20) if act == "save" else discard(owner, shown)
    gone = owner.server.id
    discard(owner)
    with pytest.raises(NotFound), owner.state.database.transaction() as session:
        server_list.delete(session, gone)


def test_two_drafts_saved_at_once_are_one(app: Flask, owner: GrantOwner) -> None:
    owner.save(**WITH_PASSWORD)
    barrier = Barrier(3)

    def save_at_once(port: int) -> Saved:
        barrier.wait()
        with app.app_context():
            return owner.save(port=port)

    with ThreadPoolExecutor(3) as pool:
        assert all(saved.is_draft for saved in pool.map(save_at_once, (25, 465, 587)))
    assert rows(owner).keys() == {servers.PRIMARY, DRAFT}


def test_a_draft_gets_a_saved_secret_only_for_its_own_destination(granted: GrantOwner) -> None:
    with pytest.raises(SecretsRequired):
        granted.save(token_url="https://attacker.example/token", secrets={"client_secret": ""})
    granted.save(scopes="mail.send other", secrets={"client_secret": ""})
    opened = [servers.open_secrets(granted.state.sealer, server) for server in rows(granted).values()]
    assert opened[0] == opened[1]
    with pytest.raises(SecretsRequired):
        granted.save(host="smtp.attacker.example", scopes="mail.send other", secrets={"client_secret": ""})


def test_the_token_of_a_draft_is_refreshed_too(drafted: GrantOwner) -> None:
    drafted.authorize()
    with later(days=1, seconds=1):
        jobs.refresh_grants(clock.now())
    assert drafted.provider.asked[-1] == "refresh_token"


def test_alerts_about_a_replaced_server_are_resolved(drafted: GrantOwner) -> None:
    drafted.authorize()
    with drafted.state.database.transaction() as session:
        row = session.get_one(MailServer, rows(drafted)[servers.PRIMARY].id)
        row.security, row.certificate_expires_at = "tls", clock.now()
    alerts.send_alerts(clock.now())
    drafted.save(host="smtp.draft.example")
    alerts.send_alerts(clock.now())
    with drafted.state.database.read() as session:
        assert session.scalars(select(ExpiryAlert)).all() == []
    assert events(drafted)[-1] == "expiry_alert.resolved"


def test_the_server_in_use_keeps_its_id_and_is_named_after_its_provider(drafted: GrantOwner) -> None:
    before = rows(drafted)[servers.PRIMARY]
    drafted.save(**WITH_PASSWORD, provider="google", host="smtp.gmail.com")
    after = rows(drafted)[servers.PRIMARY]
    assert (before.name, after.id, after.name) == ("Custom", before.id, "Google")
