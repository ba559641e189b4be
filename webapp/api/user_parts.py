"""What the operations on users share: their problems, examples, and what users and links look like."""

from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts import return_to
from webapp.accounts.links import errors
from webapp.accounts.models import User
from webapp.accounts.return_to import ReturnTo, ReturnUrlNotAllowed
from webapp.accounts.service import AddressTaken
from webapp.accounts.users import members
from webapp.accounts.users.admin_links import ShownLink
from webapp.accounts.users.members import Activation, InvalidPerson, IsAdministrator
from webapp.api import problems
from webapp.api.endpoint import Call
from webapp.api.problems import Kind
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.core.return_urls import InvalidReturnUrl
from webapp.settings.service import general
from webapp.web.problems import FieldError, Problem
from webapp.webhooks.events import iso

ADMINISTRATOR = Kind(
    "administrator-account",
    403,
    "Account of an administrator",
    "Applications manage members only, never administrators.",
    IsAdministrator,
)
ALREADY_ACTIVE = Kind(
    "already-active", 409, "Already active", "The person has activated the account before.", errors.AlreadyActive
)
NOT_ACTIVE = Kind(
    "not-active",
    409,
    "Not active",
    "The person hasn't activated the account yet: there is no password to reset.",
    errors.NotActive,
)
ACCOUNT_DISABLED = Kind(
    "account-disabled", 409, "Account disabled", "The account is disabled. Enable it first.", errors.AccountDisabled
)
ADDRESS_TAKEN = Kind("address-taken", 409, "Address taken", "Another account has this address.", AddressTaken)
NO_PUBLIC_URL = Kind(
    "no-public-url", 409, "No public URL", "Links can't be returned until the public URL is set in Settings → General."
)
TOO_SOON = Kind(
    "too-soon",
    429,
    "Too soon",
    "An email was requested for this address less than five minutes ago. Retry-After says when to try again.",
    TooManyRequests,
)
RETURN_URL_NOT_ALLOWED = Kind(
    "return-url-not-allowed",
    403,
    "Return URL not allowed",
    "The application may not lead people to this URL. Its return URLs are set in Settings → Applications.",
)
problems.KINDS += [
    ADMINISTRATOR,
    RETURN_URL_NOT_ALLOWED,
    ALREADY_ACTIVE,
    NOT_ACTIVE,
    ACCOUNT_DISABLED,
    ADDRESS_TAKEN,
    NO_PUBLIC_URL,
    TOO_SOON,
]

USER_EXAMPLE = {
    "id": 1815,
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "language": "en",
    "state": "pending",
    "created_at": "2026-11-30T09:12:44Z",
    "activated_at": None,
}
LINK_EXAMPLE = {
    "url": "https://mailroom.example/activate/…",
    "code": "ABCD-EF12",
    "expires_at": "2026-12-07T09:12:44Z",
}
RESULT_EXAMPLE = {
    "email": "ada@example.com",
    "outcome": "created",
    "id": 1815,
    "activation": "queued",
    "field": None,
    "detail": None,
}
CREATE_EXAMPLES = {
    "An activation email": {
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "return_url": "https://shop.example/welcome",
    },
    "A link to pass on": {"email": "ada@example.com", "activation": "link"},
}
LINK_EXAMPLES = {
    "By email": {"deliver": "mail", "return_url": "https://shop.example/"},
    "Returned once": {"deliver": "link"},
}
PEOPLE_EXAMPLE = {"users": [{"email": "ada@example.com", "name": "Ada Lovelace", "language": "en"}]}
ID = {
    "in": "path",
    "name": "user_id",
    "required": True,
    "description": "The id of the user.",
    "schema": {"type": "integer", "minimum": 1},
    "example": 1815,
}
LOCATION = {"Location": {"required": True, "schema": {"type": "string"}, "description": "The path of the user."}}
USER_PATH = "/users/<int:user_id>"


def return_to_of(call: Call) -> ReturnTo | None:
    """Return where the links of a request lead back to. Raises Problem."""
    try:
        return return_to.allow(call.application, call.body.get("return_url", ""))
    except InvalidReturnUrl as error:
        raise invalid("return_url", str(error)) from None
    except ReturnUrlNotAllowed as error:
        raise RETURN_URL_NOT_ALLOWED.problem(errors=[FieldError(str(error), pointer="#/return_url")]) from None


def invalid(field: str, text: str) -> Problem:
    """Return the problem of one value that is not valid."""
    return problems.invalid([FieldError(text, pointer=f"#/{field}")])


def user_json(user: User) -> dict[str, Any]:
    """Return a user as JSON."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "language": user.language,
        "state": user.state,
        "created_at": iso(user.created_at),
        "activated_at": iso(user.activated_at) if user.activated_at else None,
    }


def link_json(session: Session, shown: ShownLink | None) -> dict[str, str] | None:
    """Return a link as JSON. Raises Problem without a public URL."""
    if shown is None:
        return None
    public_url = general(session, app_state().config).public_url
    if not public_url:
        raise NO_PUBLIC_URL.problem()
    return {"url": shown.url(public_url), "code": shown.code, "expires_at": iso(shown.expires_at)}


def result_json(result: members.Result | InvalidPerson) -> dict[str, Any]:
    """Return what became of one of many people."""
    if isinstance(result, InvalidPerson):
        refused = {"field": result.field, "detail": str(result)}
        return {"outcome": "invalid", "id": None, "activation": Activation.NONE, **refused}
    found = {"outcome": result.outcome, "id": result.user_id, "activation": result.activation}
    return {**found, "field": None, "detail": None}
