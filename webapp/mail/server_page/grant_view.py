"""What the mail server page shows of the grant: where it stands, a code to type, what ended a sign-in."""

from dataclasses import dataclass

from flask import session as browser
from sqlalchemy.orm import Session

from webapp.core.app_state import AppState
from webapp.mail.diagnosis.service import diagnose_grant
from webapp.mail.diagnosis.token_rules import explained
from webapp.mail.grants import requests
from webapp.mail.grants import service as grants
from webapp.mail.models import AuthorizationRequest, Grant, GrantStatus, MailServer
from webapp.mail.oauth.errors import OAuthError
from webapp.providers import Diagnosis
from webapp.providers.registry import get_providers

REFUSED = "grant_refused"
# In characters, of each half: the cookie that holds them has room for 4,000 in all.
LONGEST = 500


@dataclass(frozen=True)
class GrantView:
    """The saved grant, the code that this browser asked for, and why the last renewal failed, if it did."""

    grant: Grant | None = None
    code: AuthorizationRequest | None = None
    trouble: Diagnosis | None = None

    @property
    def status(self) -> GrantStatus:
        """Where it stands."""
        return GrantStatus(self.grant.status) if self.grant is not None else GrantStatus.NONE

    @property
    def held(self) -> bool:
        """Whether there is something to lose."""
        return self.status is not GrantStatus.NONE


@dataclass(frozen=True)
class AuthorizationFailure:
    """A sign-in at the provider that ended without a grant."""

    diagnosis: Diagnosis
    words: str


def of(session: Session, parts: AppState, saved: MailServer | None, sign_in_id: int) -> GrantView:
    """The view of the saved mail server's grant."""
    grant = grants.get(session, saved.id) if saved is not None else None
    if saved is None or grant is None:
        return GrantView()
    trouble = None
    if grant.last_error:
        trouble = diagnose_grant(get_providers(), saved, grants.standing_fault(grant))
    return GrantView(grant, session.scalar(requests.waiting(saved.id, sign_in_id)), trouble)


def keep(fault: OAuthError) -> None:
    """Have the page that is shown next tell of this."""
    browser[REFUSED] = [fault.reply[:LONGEST], fault.error[:LONGEST]]


def authorization_failure(parts: AppState, saved: MailServer | None) -> AuthorizationFailure | None:
    """What was kept, once."""
    kept = browser.pop(REFUSED, None)
    if kept is None:
        return None
    fault = OAuthError(reply=kept[0], error=kept[1])
    if saved is None:
        return AuthorizationFailure(explained(fault.reply, fault.error), fault.words)
    diagnosis = diagnose_grant(get_providers(), saved, fault)
    return AuthorizationFailure(diagnosis, fault.words)
