"""The saved grants: their columns after an authorization, a refresh or a failure, and when they are discarded."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.sealing import Sealer
from webapp.mail import audit_events
from webapp.mail.models import AuthorizationRequest, Grant, GrantStatus, MailServer
from webapp.mail.oauth.errors import OAuthError, Unanswered
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import TokenResponse
from webapp.mail.servers import CLIENT_SECRETS, EnteredServer, destination_changes
from webapp.providers import Authentication, OAuth2
from webapp.providers.oauth2 import USER_GRANTS

# The purpose that each sealed column is sealed for.
PURPOSES = {"sealed_refresh_token": "grant.refresh_token", "sealed_access_token": "grant.access_token"}
# The settings that a grant depends on: when one of them changes, it is discarded.
GRANT_SETTINGS = (
    "provider", "authentication", "username", "client_id", "tenant_id", "authorize_url", "token_url",
    "device_authorization_url", "scopes",
)  # fmt: skip
# How long the worker waits after a failure if no email needs the token sooner.
RETRY_WAIT = timedelta(minutes=15)
# Two refreshes closer together than this do not show whether the end of a refresh token moves.
MIN_BETWEEN_REFRESHES = timedelta(minutes=2)
NO_REFRESH_TOKEN = dict.fromkeys(("refresh_expires_at", "refresh_deadline", "refresh_expiry_slides"))
NO_FAILURE: Mapping[str, Any] = {
    "refresh_interrupted": False, "retry_at": None, "failure_code": "", "failure_params": {}, "failure_reply": "",
    "failed_at": None,
}  # fmt: skip
RELEASED: Mapping[str, Any] = {"lease_id": "", "lease_expires_at": None}


def get(session: Session, server_id: int) -> Grant | None:
    """Return the grant of a mail server that uses OAuth2."""
    return session.scalars(select(Grant).where(Grant.mail_server_id == server_id)).one_or_none()


def prepare(session: Session, server: MailServer, method: Authentication | None) -> None:
    """Create a grant without tokens if the mail server uses OAuth2 and has none."""
    session.flush()
    if isinstance(method, OAuth2) and get(session, server.id) is None:
        session.add(Grant(mail_server_id=server.id, grant_type=method.grant_type))
        session.flush()


def discard(session: Session, server: MailServer, changed: frozenset[str] = frozenset()) -> bool:
    """Delete the tokens and all authorizations in progress, because these settings changed or the server is deleted.

    Returns whether there were tokens.
    """
    grant = get(session, server.id)
    session.execute(delete(AuthorizationRequest).where(AuthorizationRequest.mail_server_id == server.id))
    if grant is None:
        return False
    session.delete(grant)
    session.flush()
    if grant.status == GrantStatus.NONE:
        return False
    data: dict[str, Any] = {"changed": sorted(changed)} if changed else {}
    audit.record(session, audit_events.GRANT_REMOVED, grant_type=grant.grant_type, **data)
    return True


def hand_over(session: Session, draft: MailServer, server: MailServer) -> None:
    """Give the grant of a draft, and authorizations in progress, to the server that has its settings now."""
    session.flush()
    for table in (Grant, AuthorizationRequest):
        session.execute(update(table).where(table.mail_server_id == draft.id).values(mail_server_id=server.id))


def discarding_changes(
    saved: MailServer, entered: EnteredServer, opened: Mapping[str, str], grant: Grant | None
) -> frozenset[str]:
    """Return the entered changes that discard the grant when it is saved; empty if the grant stays.

    `opened` are the saved secrets in the clear. The user name may become that of the account that the grant is for.
    Access tokens go where the email goes: a change of that requires the client secret again, and an application without
    one has nothing to prove itself with, so its grant is discarded.
    """
    new_secrets = {name for name, value in entered.new_secrets.items() if opened.get(name) != value}
    secrets = (new_secrets | entered.removed & set(saved.sealed_secrets)) & set(CLIENT_SECRETS)
    changed = saved.differing(GRANT_SETTINGS, entered.values, entered.provider_fields) | secrets
    if not set(CLIENT_SECRETS) & set(saved.sealed_secrets):
        changed |= destination_changes(saved, entered)
    is_own_account = grant is not None and grant.account and grant.account == entered.values.get("username")
    return changed - {"username"} if is_own_account else changed


def open_token(grant: Grant, column: str, sealer: Sealer) -> str:
    """Return a token, or an empty text if there is none. Raises CannotUnseal."""
    sealed = str(getattr(grant, column))
    return sealer.open(sealed, PURPOSES[column]) if sealed else ""


def authorized(
    tokens: TokenResponse, registration: ClientRegistration, sealer: Sealer, now: datetime
) -> dict[str, Any]:
    """Return the columns of a grant after an authorization."""
    # RFC 6749, 5.1: the scopes that were requested, unless the response names others.
    scopes = registration.scopes if tokens.scopes is None else tokens.scopes
    return {
        **refreshed(tokens, registration.method, sealer, None, now),
        "granted_at": now,
        "account": tokens.account,
        "scopes": " ".join(scopes),
    }


def refreshed(
    tokens: TokenResponse, method: OAuth2, sealer: Sealer, previous: Grant | None, now: datetime
) -> dict[str, Any]:
    """Return the columns of a grant after a refresh; `previous` is the grant before it."""
    values: dict[str, Any] = {
        "status": GrantStatus.GENERATED,
        "sealed_access_token": sealer.seal(tokens.access_token, PURPOSES["sealed_access_token"]),
        "access_expires_at": now + tokens.lifetime,
        "last_refresh_at": now,
        **RELEASED,
        **NO_FAILURE,
    }
    # An application that authenticates as itself uses no refresh token, even if it is given one.
    return values | (_refresh_token(tokens, method, sealer, previous, now) if method.needs_user else NO_REFRESH_TOKEN)


def failed(grant: Grant, error: OAuthError, now: datetime) -> dict[str, Any]:
    """Return the columns of a grant after a failed refresh.

    The worker doesn't use a refused refresh token again unless a person asks. An application that authenticates as
    itself has none to lose, so it asks again later: its cause may have been removed at the provider.
    """
    retries = not error.permanent or grant.grant_type not in USER_GRANTS
    values: dict[str, Any] = {
        **RELEASED,
        "retry_at": now + RETRY_WAIT if retries else None,
        "failure_code": error.code,
        "failure_params": error.params,
        "failure_reply": error.reply,
        "failed_at": now,
    }
    if isinstance(error, Unanswered):
        values["refresh_interrupted"] = True
    return values | ({"status": GrantStatus.ACTION_REQUIRED} if error.permanent else {})


def ask_again(session: Session) -> None:
    """Have the worker ask providers again now, even those that refused, because a person wants to know."""
    session.execute(update(Grant).where(Grant.failure_code != "").values(retry_at=clock.now()))


def _refresh_token(
    tokens: TokenResponse, method: OAuth2, sealer: Sealer, previous: Grant | None, now: datetime
) -> dict[str, Any]:
    """Return the new refresh token, if there is one, and by when it has to be used."""
    expires_at = previous.refresh_expires_at if previous else None
    values: dict[str, Any] = {}
    if tokens.refresh_token:
        expires_at = None
        values["sealed_refresh_token"] = sealer.seal(tokens.refresh_token, PURPOSES["sealed_refresh_token"])
    if tokens.refresh_lifetime is not None:
        expires_at = now + tokens.refresh_lifetime
    unused_until = now + method.lapses_after if method.lapses_after else None
    deadline = min((end for end in (expires_at, unused_until) if end is not None), default=None)
    slides = _slides(previous, deadline, now) if previous else None
    return values | {"refresh_expires_at": expires_at, "refresh_deadline": deadline, "refresh_expiry_slides": slides}


def _slides(previous: Grant, deadline: datetime | None, now: datetime) -> bool | None:
    """Return whether this refresh moved the deadline; Google's test apps, for example, keep it fixed at seven days."""
    if previous.refresh_deadline is None or previous.last_refresh_at is None or deadline is None:
        return None
    passed = now - previous.last_refresh_at
    if passed < MIN_BETWEEN_REFRESHES:
        return previous.refresh_expiry_slides
    return deadline - previous.refresh_deadline > passed / 2
