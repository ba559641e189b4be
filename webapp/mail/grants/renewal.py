"""Access tokens that hold: renewed before they expire, by one worker at a time, wherever it runs.

A refresh token is often good for one use, and a second use counts as theft. So whoever renews
takes a lease on the grant's row first, asks the provider outside of any transaction, and saves
what came back before anybody uses it. A lease whose holder died lapses; the next one tries the
former refresh token once more, as some providers forgive that, and says so if this one does not.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, case, extract, func, or_, select, true, update
from sqlalchemy.exc import DBAPIError

from webapp.audit import service as audit
from webapp.audit.registry import EventType
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.sealing import CannotUnseal
from webapp.mail import events
from webapp.mail.grants import service as grants
from webapp.mail.grants.service import AccessToken
from webapp.mail.models import Grant, GrantStatus
from webapp.mail.oauth import claims, client, words
from webapp.mail.oauth.errors import GrantMissing, NotConfigured, OAuthError, ProviderUnavailable
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import TokenResponse

# A token is renewed this long before it expires, or half-way through if it lives shorter than that.
MARGIN = timedelta(minutes=5)
# It is used until this long before: signing in takes a moment.
LAST_MOMENT = timedelta(seconds=30)
# Seconds: a lease outlives the longest renewal, which is some requests of 15 seconds each.
LEASE = 120
# Seconds to wait for another worker's renewal.
PATIENCE = 45
# Seconds between two looks whether it is done.
POLL = 0.1
# Seconds between the tries to save what a provider gave: losing it would lose the grant.
TRIES = (0.2, 1, 3, 10)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class TokenSource:
    """Where a mail server's access tokens come from. `server_id` is None for settings that are not saved."""

    parts: AppState = field(repr=False)
    registration: ClientRegistration
    server_id: int | None

    def get(self, refused: str = "", by_hand: bool = False) -> AccessToken:
        """A valid access token, other than the one that a mail server `refused`. Raises OAuthFault.

        `by_hand` asks the provider at once and whatever it said before: an administrator waits.
        """
        if self.server_id is None:
            return self._unsaved()
        return _Refresh(self.parts, self.registration, self.server_id, refused, by_hand).token()

    def renew(self) -> None:
        """Have a new token in place of the saved one, however good that is. Raises OAuthFault."""
        if self.server_id is not None:
            _Refresh(self.parts, self.registration, self.server_id).renew()

    def finding(self, token: str) -> str:
        """What is wrong with a refused token; see `webapp.mail.oauth.claims`."""
        return claims.check_claims(token, self.registration)

    def _unsaved(self) -> AccessToken:
        if self.registration.method.needs_user:
            raise GrantMissing
        now = clock.now()
        tokens = client.client_credentials(self.registration)
        return AccessToken(tokens.access_token, now + tokens.lifetime)


class _LeaseLost(Exception):
    """Our lease is over: by now the grant has other tokens, or somebody else renews it."""


@dataclass
class _Refresh:
    """One need of a token."""

    parts: AppState
    registration: ClientRegistration
    server_id: int
    refused: str = ""
    by_hand: bool = False
    # The grant that it was begun for: settings saved meanwhile may have brought another one, which is not ours.
    grant_id: int | None = None

    def renew(self) -> None:
        """Have the saved one replaced, by us or by somebody else."""
        self.refused = self._opened(self._look(), "sealed_access_token")
        self.token()

    def token(self) -> AccessToken:
        """It, renewed if need be."""
        end = time.monotonic() + PATIENCE
        while True:
            grant = self._look()
            token = self._usable(grant)
            if token is not None and not _due(grant, clock.now()) and not self.by_hand:
                return token
            if not self.by_hand and (fault := _known_failure(grant)) is not None:
                if token is not None and not fault.lasting:
                    return token
                raise fault
            held = self._leased(grant)
            if held is not None:
                try:
                    return self._renewed(held)
                except _LeaseLost:
                    continue
            if token is not None and not self.by_hand:
                return token
            if time.monotonic() > end:
                raise ProviderUnavailable(error=words.WAITED)
            time.sleep(POLL)

    def _look(self) -> Grant:
        with self.parts.database.read() as session:
            grant = grants.get(session, self.server_id)
        if grant is None or (grant.status == GrantStatus.NONE and self.registration.method.needs_user):
            raise GrantMissing
        if self.grant_id not in (None, grant.id):
            raise GrantMissing
        self.grant_id = grant.id
        return grant

    def _usable(self, grant: Grant) -> AccessToken | None:
        """The saved token, while it is worth trying."""
        value = self._opened(grant, "sealed_access_token")
        ends = grant.access_expires_at
        if not value or ends is None or value == self.refused or grant.status != GrantStatus.GENERATED:
            return None
        return AccessToken(value, ends) if clock.now() < ends - min(LAST_MOMENT, _lifetime(grant) / 4) else None

    def _leased(self, grant: Grant) -> Grant | None:
        """The grant as it stands now, ours alone until LEASE is over; None while somebody else renews it."""
        free = or_(Grant.lease_until.is_(None), Grant.lease_until < _database_seconds())
        values: dict[str, Any] = {
            "lease": secrets.token_hex(16),
            "lease_until": _database_seconds() + LEASE,
            # Its last holder never gave it back.
            "unsure": case((Grant.lease != "", true()), else_=Grant.unsure),
        }
        with self.parts.database.transaction() as session:
            return session.scalar(update(Grant).where(Grant.id == grant.id, free).values(values).returning(Grant))

    def _renewed(self, grant: Grant) -> AccessToken:
        token = self._usable(grant)
        if token is not None and not _due(grant, clock.now()) and not self.by_hand:
            # Somebody renewed it between our look and our lease.
            self._save(grant, {"lease": "", "lease_until": None})
            return token
        now = clock.now()
        try:
            tokens = self._asked(grant)
        except OAuthError as fault:
            told = grants.explained_by_interruption(grant, fault)
            # Who asks by hand notes it for the trail.
            event = events.GRANT_REFRESH_FAILED if told.lasting and not self.by_hand else None
            self._save(grant, grants.failed(grant, told, self.parts.sealer, clock.now()), event, code=told.code)
            log.warning("access token not renewed", kind=grant.kind, code=told.code, lasting=told.lasting)
            raise told from fault
        method, sealer = self.registration.method, self.parts.sealer
        if grant.granted_at is None or (self.by_hand and not method.needs_user):
            self._save(grant, grants.store_tokens(tokens, self.registration, sealer, now), events.GRANT_OBTAINED)
        else:
            self._save(grant, grants.renewed(tokens, method, sealer, grant, now))
        log.info("access token renewed", kind=grant.kind)
        return AccessToken(tokens.access_token, now + tokens.lifetime)

    def _asked(self, grant: Grant) -> TokenResponse:
        if not self.registration.method.needs_user:
            return client.client_credentials(self.registration)
        refresh_token = self._opened(grant, "sealed_refresh_token")
        if not refresh_token:
            raise GrantMissing
        return client.refresh(self.registration, refresh_token)

    def _save(self, grant: Grant, values: dict[str, Any], event: EventType | None = None, code: str = "") -> None:
        """Save the end of our renewal and give the lease back.

        Raises GrantMissing when the grant was erased meanwhile, _Overtaken when somebody signed in anew.
        """
        for wait in (*TRIES, None):
            try:
                saved = self._saved(grant, values, event, code)
                break
            except DBAPIError as error:
                log.warning("renewed grant not saved", error=type(error).__name__, again=wait is not None)
                if wait is None:
                    raise
                time.sleep(wait)
        # A commit whose answer was lost has given the lease back all the same.
        mark = "last_refresh_at" if "last_refresh_at" in values else "last_error_at"
        if not saved and getattr(self._look(), mark) != values.get(mark, ""):
            raise _LeaseLost

    def _saved(self, grant: Grant, values: dict[str, Any], event: EventType | None, code: str) -> bool:
        ours = select(Grant).where(Grant.id == grant.id, Grant.lease == grant.lease).with_for_update()
        with self.parts.database.transaction() as session:
            found = session.scalar(ours)
            if found is None:
                return False
            for name, value in values.items():
                setattr(found, name, value)
            if event is not None:
                facts: dict[str, Any] = {"code": code} if code else {}
                audit.record(session, event, grant_type=found.kind, **facts)
        return True

    def _opened(self, grant: Grant, column: str) -> str:
        try:
            return grants.opened(grant, column, self.parts.sealer)
        except CannotUnseal:
            raise NotConfigured(error=words.SEAL_BROKEN) from None


def due_for_upkeep(parts: AppState, now: datetime) -> Iterator[int]:
    """The mail servers whose grants were not renewed for a day, or for half of the time until they lapse.

    So no grant lapses unused, and one that has died is known within a day, also while no mail leaves.
    """
    with parts.database.read() as session:
        found = session.scalars(select(Grant).where(Grant.status == GrantStatus.GENERATED)).all()
    for grant in found:
        last = grant.last_refresh_at or now
        wait = timedelta(days=1)
        if grant.lapses_at is not None:
            wait = min(wait, (grant.lapses_at - last) / 2)
        if last + wait <= now or _is_ahead(grant, now):
            yield grant.mail_server_id


def _due(grant: Grant, now: datetime) -> bool:
    """Whether the access token is to be renewed now.

    One renewed in the future, by a clock that was put right since, ends sooner than it seems.
    """
    ends = grant.access_expires_at
    return ends is None or _is_ahead(grant, now) or now >= ends - min(MARGIN, _lifetime(grant) / 2)


def _is_ahead(grant: Grant, now: datetime) -> bool:
    return grant.last_refresh_at is not None and grant.last_refresh_at > now + LAST_MOMENT


def _lifetime(grant: Grant) -> timedelta:
    if grant.access_expires_at is None or grant.last_refresh_at is None:
        return timedelta()
    return grant.access_expires_at - grant.last_refresh_at


def _known_failure(grant: Grant) -> OAuthError | None:
    """Why the provider is not asked now, if it is not."""
    now = clock.now()
    # A wait longer than any was set before the clock was put back.
    waits = grant.retry_at is not None and now < grant.retry_at < now + 2 * grants.WAITS[-1]
    return grants.standing_fault(grant) if waits or grant.status == GrantStatus.NEEDS_YOU else None


def _database_seconds() -> ColumnElement[int]:
    return extract("epoch", func.now())
