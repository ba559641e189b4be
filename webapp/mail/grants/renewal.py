"""Access tokens, refreshed before they expire by one worker at a time, on any machine.

A refresh token can often be used only once, and a second use counts as theft. So a refresh first takes
a lease on the grant's row, then asks the provider outside of any transaction, and saves the reply before
the token is used. If the process dies, its lease expires; the next refresh tries the old refresh token
once more, as some providers allow, and otherwise explains why it was rejected.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, case, extract, func, or_, select, true, update
from sqlalchemy.exc import DBAPIError

from webapp.audit import service as audit
from webapp.audit.registry import EventType
from webapp.core import clock, counts
from webapp.core.app_state import AppState
from webapp.core.counts import Counted
from webapp.core.sealing import CannotUnseal
from webapp.mail import audit_events
from webapp.mail.grants import service as grants
from webapp.mail.models import Grant, GrantStatus, MailServer
from webapp.mail.oauth import client
from webapp.mail.oauth.errors import GrantMissing, NotConfigured, OAuthError, ProviderUnavailable, TokenRefused
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import TokenResponse
from webapp.mail.transport.settings import AccessToken

# A token is refreshed this long before it expires, or at half its lifetime if that is shorter.
MARGIN = timedelta(minutes=5)
# It is used until this long before it expires: authenticating takes a moment.
LAST_MOMENT = timedelta(seconds=30)
# A person who tests learns whether the token can still be refreshed, unless it was this recently.
PROVED_FOR = timedelta(minutes=1)
# In seconds. A lease outlives the longest refresh, which is a few requests of 15 seconds each.
LEASE = 120
# In seconds: how long to wait for another worker's refresh, and how often to check whether it is done.
REFRESH_TIMEOUT, POLL_INTERVAL = 45, 0.1
# In seconds, between attempts to save what a provider returned: losing it would lose the grant.
SAVE_RETRIES = (0.2, 1, 3, 10)
# The code of a refusal that an interrupted refresh probably caused.
INTERRUPTED = "refresh_interrupted"

log = structlog.get_logger(__name__)


class _LeaseLost(Exception):
    """The lease has expired: the grant has new tokens by now, or another worker is refreshing it."""


@dataclass
class Refresh:
    """One request for a token.

    `asked` is for a person who waits: a refusal that was saved is not repeated, the provider is asked, also while the
    saved token is valid; if it can't be reached, that token is used. `force` is for “Generate access token”: only a
    new token will do.
    """

    state: AppState
    registration: ClientRegistration
    server_id: int
    replaced: str = ""
    asked: bool = False
    force: bool = False
    # The grant it began with: saving other settings may replace it meanwhile.
    grant_id: int | None = None

    def replace(self) -> None:
        """Have the saved token replaced, by this or another worker."""
        self.replaced = self._open(self._load(), "sealed_access_token")
        self.token()

    def discard(self, rejected: str) -> None:
        """Delete the saved token if it is the one that the mail server rejected."""
        grant = self._load()
        if self._open(grant, "sealed_access_token") != rejected:
            return
        saved = Grant.id == grant.id, Grant.sealed_access_token == grant.sealed_access_token
        with self.state.database.transaction() as session:
            session.execute(update(Grant).where(*saved).values(sealed_access_token="", access_expires_at=None))

    def token(self) -> AccessToken:
        """Return the token, refreshed if necessary. Raises OAuthError."""
        end = time.monotonic() + REFRESH_TIMEOUT
        while True:
            grant = self._load()
            token = self._usable(grant)
            if token is not None and not self._is_due(grant):
                return token
            if not (self.asked or self.force) and (refusal := _known_refusal(grant)) is not None:
                raise refusal
            leased = self._lease(grant)
            if leased is not None:
                try:
                    return self._refresh(leased)
                except _LeaseLost:
                    continue
                except OAuthError as error:
                    if token is None or error.permanent or self.force:
                        raise
                    return token
            if token is not None and not self.force:
                return token
            if time.monotonic() > end:
                raise ProviderUnavailable("renewal_timeout")
            time.sleep(POLL_INTERVAL)

    def _load(self) -> Grant:
        with self.state.database.read() as session:
            grant = grants.get(session, self.server_id)
            server = session.get(MailServer, self.server_id)
        if grant is None or (grant.status == GrantStatus.NONE and self.registration.method.needs_user):
            raise GrantMissing
        # With the name of the account that it is for, a token is tested before that name is saved.
        tested = {"username": grant.account} if self.asked and grant.account == self.registration.username else {}
        if server is None or not self.registration.is_of(server.values | tested):
            # Other settings took effect meanwhile: the tokens are for those.
            raise GrantMissing
        if self.grant_id not in (None, grant.id):
            raise GrantMissing
        self.grant_id = grant.id
        return grant

    def _usable(self, grant: Grant) -> AccessToken | None:
        """Return the saved token while it can be used."""
        value = self._open(grant, "sealed_access_token")
        expires_at = grant.access_expires_at
        if not value or expires_at is None or value == self.replaced or grant.status != GrantStatus.GENERATED:
            return None
        spare = min(LAST_MOMENT, _lifetime(grant) / 4)
        if clock.now() >= expires_at - spare:
            return None
        return AccessToken(value, expires_at, issued_at=grant.last_refresh_at, account=grant.account)

    def _is_due(self, grant: Grant) -> bool:
        """Return whether the provider has to be asked, although there is a token."""
        proved_at = grant.last_refresh_at
        unproved = proved_at is None or clock.now() - proved_at > PROVED_FOR
        return self.force or _is_due(grant) or (self.asked and unproved)

    def _lease(self, grant: Grant) -> Grant | None:
        """Return the current grant, leased for LEASE seconds, or None while another worker has it."""
        free = or_(Grant.lease_expires_at.is_(None), Grant.lease_expires_at < _database_seconds())
        values: dict[str, Any] = {
            "lease_id": secrets.token_hex(16),
            "lease_expires_at": _database_seconds() + LEASE,
            # A lease that was not released belonged to a process that died.
            "refresh_interrupted": case((Grant.lease_id != "", true()), else_=Grant.refresh_interrupted),
        }
        with self.state.database.transaction() as session:
            return session.scalar(update(Grant).where(Grant.id == grant.id, free).values(values).returning(Grant))

    def _refresh(self, grant: Grant) -> AccessToken:
        token = self._usable(grant)
        if token is not None and not self._is_due(grant):
            # Another worker refreshed it just before the lease.
            self._save(grant, grants.RELEASED)
            return token
        now, sealer, method = clock.now(), self.state.sealer, self.registration.method
        try:
            tokens = self._request(grant)
        except OAuthError as error:
            if grant.refresh_interrupted and error.code == "invalid_grant":
                error = TokenRefused(INTERRUPTED, reply=error.reply)
            known = grant.status == GrantStatus.ACTION_REQUIRED and grant.failure_code == error.code
            # The caller records a forced refresh.
            event = audit_events.GRANT_REFRESH_FAILED if error.permanent and not (known or self.force) else None
            self._save(grant, grants.failed(grant, error, clock.now()), event, code=error.code)
            log.warning("access token not refreshed", code=error.code, permanent=error.permanent)
            raise error from None
        if grant.granted_at is None or (self.force and not method.needs_user):
            self._save(grant, grants.authorized(tokens, self.registration, sealer, now), audit_events.GRANT_OBTAINED)
        else:
            self._save(grant, grants.refreshed(tokens, method, sealer, grant, now))
        log.info("access token refreshed", grant_type=grant.grant_type)
        return AccessToken(tokens.access_token, now + tokens.lifetime, True, now, grant.account)

    def _request(self, grant: Grant) -> TokenResponse:
        if not self.registration.method.needs_user:
            return client.client_credentials(self.registration)
        refresh_token = self._open(grant, "sealed_refresh_token")
        if not refresh_token:
            raise GrantMissing
        return client.refresh(self.registration, refresh_token)

    def _save(self, grant: Grant, values: Mapping[str, Any], event: EventType | None = None, code: str = "") -> None:
        """Save the outcome and release the lease. Raises _LeaseLost."""
        for wait in (*SAVE_RETRIES, None):
            try:
                self._save_once(grant, values, event, code)
                return
            except DBAPIError as error:
                log.warning("refreshed grant not saved", error=type(error).__name__, again=wait is not None)
                if wait is None:
                    raise
                time.sleep(wait)

    def _save_once(self, grant: Grant, values: Mapping[str, Any], event: EventType | None, code: str) -> None:
        leased = select(Grant).where(Grant.id == grant.id, Grant.lease_id == grant.lease_id).with_for_update()
        with self.state.database.transaction() as session:
            found = session.scalar(leased)
            if found is None:
                raise _LeaseLost
            for name, value in values.items():
                setattr(found, name, value)
            if values is not grants.RELEASED:
                result = "failed" if values["failure_code"] else "refreshed"
                counts.add(session, clock.now(), {Counted("refreshes", result): 1})
            if event is not None:
                data: dict[str, Any] = {"code": code} if code else {}
                audit.record(session, event, grant_type=found.grant_type, **data)

    def _open(self, grant: Grant, column: str) -> str:
        try:
            return grants.open_token(grant, column, self.state.sealer)
        except CannotUnseal:
            raise NotConfigured("cannot_unseal") from None


def due(state: AppState, now: datetime) -> list[MailServer]:
    """Return the mail servers whose grants were not refreshed for a day, or for half the time until their deadline.

    So no grant expires unused, and one that has ended is noticed within a day even when no email is sent. After a
    failure they are due when it is time to ask again.
    """
    with state.database.read() as session:
        found = session.execute(select(MailServer, Grant).join(Grant)).all()
    return [server for server, grant in found if (at := _next_refresh(grant, now)) is not None and at <= now]


def _next_refresh(grant: Grant, now: datetime) -> datetime | None:
    if grant.failure_code or grant.status != GrantStatus.GENERATED:
        return grant.retry_at
    last, wait = grant.last_refresh_at or now, timedelta(days=1)
    if grant.refresh_deadline is not None:
        wait = min(wait, (grant.refresh_deadline - last) / 2)
    return last + wait


def _is_due(grant: Grant) -> bool:
    expires_at = grant.access_expires_at
    return expires_at is None or clock.now() >= expires_at - min(MARGIN, _lifetime(grant) / 2)


def _lifetime(grant: Grant) -> timedelta:
    if grant.access_expires_at is None or grant.last_refresh_at is None:
        return timedelta()
    return grant.access_expires_at - grant.last_refresh_at


def _known_refusal(grant: Grant) -> OAuthError | None:
    """Return the provider's last refusal, unless it is time to ask again."""
    failure = grant.failure
    if failure is None or not failure.permanent or (grant.retry_at is not None and grant.retry_at <= clock.now()):
        return None
    moments = {"asked_at": grant.failed_at, "retry_at": grant.retry_at}
    params = {name: moment.isoformat() for name, moment in moments.items() if moment is not None}
    return TokenRefused(failure.code, {**failure.params, **params}, failure.reply)


def _database_seconds() -> ColumnElement[int]:
    return extract("epoch", func.now())
