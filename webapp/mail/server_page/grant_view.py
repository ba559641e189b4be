"""What the mail server page shows of its access token, and of an authorization that has just failed."""

from dataclasses import dataclass

from flask import session as cookie
from sqlalchemy.orm import Session

from webapp.core.actor import current_actor
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.diagnosis.token_rules import concerns_redirect_uri
from webapp.mail.grants import requests
from webapp.mail.grants import service as grants
from webapp.mail.models import AuthorizationRequest, Grant, GrantStatus, MailServer
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.transcript import Stage
from webapp.providers import Diagnosis, Failure

AUTHORIZATION_FAILURE = "authorization_failure"
# In characters, of each text: the cookie has room for 4,000 in all.
MAX_FAILURE_LENGTH = 500


@dataclass(frozen=True)
class GrantView:
    """The saved grant, the device code that this browser asked for, and why the last renewal failed, if it did."""

    grant: Grant | None = None
    code: AuthorizationRequest | None = None
    diagnosis: Diagnosis | None = None
    error: str = ""

    @property
    def status(self) -> GrantStatus:
        """The grant's status."""
        return GrantStatus(self.grant.status) if self.grant is not None else GrantStatus.NONE


@dataclass(frozen=True)
class AuthorizationFailure:
    """An authorization that ended without a grant. Some are about the redirect URI, which is then shown with it."""

    diagnosis: Diagnosis
    error: str

    @property
    def is_about_redirect_uri(self) -> bool:
        """Whether the provider doesn't know the redirect URI."""
        return concerns_redirect_uri(self.error)


def grant_view(session: Session, saved: MailServer | None) -> GrantView:
    """Return what to show of the grant of a mail server."""
    grant = grants.get(session, saved.id) if saved is not None else None
    if saved is None or grant is None:
        return GrantView()
    diagnosis, error = None, ""
    if grant.failure is not None:
        diagnosis, error = diagnose(saved.provider, saved.public_values, grant.failure), describe(grant.failure)
    session_id = current_actor().session_id
    code = session.scalar(requests.waiting(saved.id, session_id)) if session_id is not None else None
    return GrantView(grant, code, diagnosis, error)


def keep_authorization_failure(error: OAuthError) -> None:
    """Have the page that is shown next explain this failure."""
    params = {name: value[:MAX_FAILURE_LENGTH] for name, value in error.params.items()}
    cookie[AUTHORIZATION_FAILURE] = [error.code, params, error.reply[:MAX_FAILURE_LENGTH]]


def pop_authorization_failure(saved: MailServer | None) -> AuthorizationFailure | None:
    """Return the failure that was kept for this page, once."""
    kept = cookie.pop(AUTHORIZATION_FAILURE, None)
    if kept is None:
        return None
    code, params, reply = kept
    failure = Failure(Stage.TOKEN, code, params, reply)
    provider, values = (saved.provider, saved.public_values) if saved else ("", {})
    diagnosis = diagnose(provider, values, failure)
    return AuthorizationFailure(diagnosis, describe(failure)) if diagnosis else None
