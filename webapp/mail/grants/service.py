"""The saved grants: what becomes of one when tokens arrive, when a renewal fails, when settings change."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core.sealing import Sealer
from webapp.mail import events
from webapp.mail.models import AuthorizationRequest, Grant, GrantStatus, MailServer
from webapp.mail.oauth.errors import BadTokens, OAuthError, TokenRefused, Unanswered
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import TokenResponse
from webapp.mail.servers import CLIENT_SECRETS, ServerDraft, destination_changes
from webapp.providers import Authentication, OAuth2

# What each sealed column is sealed for.
PURPOSES = {"sealed_refresh_token": "grant.refresh_token", "sealed_access_token": "grant.access_token"}
# What a grant was gained with: when one of these changes, it is erased.
GAINED_WITH = (
    "provider", "authentication", "username", "client_id", "tenant_id", "authorize_url", "token_url",
    "device_authorization_url", "scopes",
)  # fmt: skip
# Waits after the first, second … failure that may pass.
WAITS = (timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
# Between two renewals closer than this the end of a refresh token cannot be seen to move.
TOO_CLOSE = timedelta(minutes=2)
NO_END = dict.fromkeys(("refresh_expires_at", "lapses_at", "refresh_end_moves"))
INTERRUPTED = "interrupted"

_jitter = random.SystemRandom()


@dataclass(frozen=True)
class AccessToken:
    """What one signs in to the mail server with, until it expires."""

    value: str = field(repr=False)
    expires_at: datetime


def get(session: Session, server_id: int) -> Grant | None:
    """The grant of a mail server that uses OAuth2."""
    return session.scalars(select(Grant).where(Grant.mail_server_id == server_id)).one_or_none()


def prepare(session: Session, server: MailServer, method: Authentication | None) -> None:
    """Have a grant, still without tokens, where the mail server uses OAuth2 and has none yet."""
    session.flush()
    if isinstance(method, OAuth2) and get(session, server.id) is None:
        session.add(Grant(mail_server_id=server.id, kind=method.grant))


def discard(session: Session, server: MailServer, changed: frozenset[str]) -> bool:
    """Forget the tokens and end the sign-ins that are going on; the trail says which settings changed.

    Whether there was anything to forget.
    """
    grant = get(session, server.id)
    session.execute(delete(AuthorizationRequest).where(AuthorizationRequest.mail_server_id == server.id))
    if grant is None:
        return False
    session.delete(grant)
    session.flush()
    if grant.status == GrantStatus.NONE:
        return False
    audit.record(session, events.GRANT_REMOVED, grant_type=grant.kind, changed=sorted(changed))
    return True


def store_tokens(
    tokens: TokenResponse, registration: ClientRegistration, sealer: Sealer, now: datetime
) -> dict[str, Any]:
    """The columns of a grant after somebody signed in, or the application did by itself."""
    values = renewed(tokens, registration.method, sealer, None, now)
    # RFC 6749, 5.1: scopes that are not named are those that were asked for.
    scopes = registration.scopes if tokens.scopes is None else tokens.scopes
    return {**values, "granted_at": now, "account": tokens.account, "scopes": " ".join(scopes)}


def renewed(
    tokens: TokenResponse, method: OAuth2, sealer: Sealer, former: Grant | None, now: datetime
) -> dict[str, Any]:
    """The columns of a grant after its tokens were renewed; a refresh token that came along replaces the former.

    `former` is the grant as it was, if there was one.
    """
    values: dict[str, Any] = {
        "status": GrantStatus.GENERATED,
        "sealed_access_token": sealer.seal(tokens.access_token, PURPOSES["sealed_access_token"]),
        "access_expires_at": now + tokens.lifetime,
        "last_refresh_at": now,
        **clear_failure(),
    }
    # An application by itself uses no refresh token, whatever the provider gives and says of one.
    return values | (_refresh_columns(tokens, method, sealer, former, now) if method.needs_user else NO_END)


def _refresh_columns(
    tokens: TokenResponse, method: OAuth2, sealer: Sealer, former: Grant | None, now: datetime
) -> dict[str, Any]:
    """The refresh token if there is another one, and the moment by which it has to be used."""
    refresh_expires_at = former.refresh_expires_at if former else None
    values: dict[str, Any] = {}
    if tokens.refresh_token:
        refresh_expires_at = None
        values["sealed_refresh_token"] = sealer.seal(tokens.refresh_token, PURPOSES["sealed_refresh_token"])
    if tokens.refresh_lifetime is not None:
        refresh_expires_at = now + tokens.refresh_lifetime
    unused = now + method.lapses_after if method.lapses_after else None
    lapses_at = min((end for end in (refresh_expires_at, unused) if end is not None), default=None)
    moves = _slides(former, lapses_at, now) if former else None
    return values | {"refresh_expires_at": refresh_expires_at, "lapses_at": lapses_at, "refresh_end_moves": moves}


def _slides(former: Grant, lapses_at: datetime | None, now: datetime) -> bool | None:
    """Whether a renewal moves the end of the refresh token, or is told the same moment again.

    An end that comes nearer at once is another one too: some providers give long and short ones by turns.
    """
    if former.lapses_at is None or former.last_refresh_at is None or lapses_at is None:
        return None
    passed = now - former.last_refresh_at
    if passed < TOO_CLOSE:
        return former.refresh_end_moves
    return abs(lapses_at - former.lapses_at) > passed / 2


def clear_failure() -> dict[str, Any]:
    """The columns of a grant that nobody renews and nothing is wrong with."""
    return {**_released(), "unsure": False, "failures": 0, "retry_at": None, "last_error": "", "last_error_at": None}


def failed(grant: Grant, fault: OAuthError, sealer: Sealer, now: datetime) -> dict[str, Any]:
    """The columns of a grant that could not be renewed: tried again later, or left to the administrator."""
    values: dict[str, Any] = {**_released(), "last_error": fault.words, "last_error_at": now}
    if isinstance(fault, Unanswered):
        values["unsure"] = True
    if isinstance(fault, BadTokens) and fault.refresh_token:
        # The rest of the answer is no use, but the former refresh token may be spent.
        values["sealed_refresh_token"] = sealer.seal(fault.refresh_token, PURPOSES["sealed_refresh_token"])
    if fault.lasting:
        return values | {"status": GrantStatus.NEEDS_YOU, "retry_at": None}
    wait = WAITS[min(grant.failures, len(WAITS) - 1)] * _jitter.uniform(0.8, 1.2)
    return values | {"failures": grant.failures + 1, "retry_at": now + wait}


def explained_by_interruption(grant: Grant, fault: OAuthError) -> OAuthError:
    """The fault, which says so when the refresh token was probably spent by a renewal that broke off."""
    if grant.unsure and fault.code == "invalid_grant":
        return TokenRefused(f"{INTERRUPTED} {fault.words}")
    return fault


def standing_fault(grant: Grant) -> OAuthError:
    """The last failure again, as it was kept."""
    words = grant.last_error
    fault = TokenRefused("") if grant.status == GrantStatus.NEEDS_YOU else OAuthError()
    # A provider's words begin with its error code, in lower case; ours are sentences.
    fault.reply, fault.error = (words, "") if words[:1].islower() else ("", words)
    return fault


def opened(grant: Grant, column: str, sealer: Sealer) -> str:
    """A token, empty where there is none. Raises SealBroken."""
    sealed = str(getattr(grant, column))
    return sealer.open(sealed, PURPOSES[column]) if sealed else ""


def discarding_changes(saved: MailServer, draft: ServerDraft, opened: Mapping[str, str]) -> frozenset[str]:
    """Return the changes in this draft that discard the grant when it is saved; empty if the grant stays.

    `opened` are the saved secrets in the clear. Access tokens go where the email goes: a change of that requires the
    client secret again, and an application without one has nothing to prove itself with, so its grant is discarded.
    """
    entered = {name for name, value in draft.entered_secrets.items() if opened.get(name) != value}
    secrets = (entered | draft.removed & set(saved.sealed_secrets)) & set(CLIENT_SECRETS)
    changed = saved.differing(GAINED_WITH, draft.values, draft.provider_fields) | secrets
    if not set(CLIENT_SECRETS) & set(saved.sealed_secrets):
        changed |= destination_changes(saved, draft)
    return changed


def _released() -> dict[str, Any]:
    return {"lease": "", "lease_until": None}
