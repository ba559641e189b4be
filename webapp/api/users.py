"""`/users`: create members or find them, send or return their links, and manage their accounts."""

from collections.abc import Callable
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from webapp.accounts import return_to
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled, AlreadyActive, NotActive
from webapp.accounts.models import Role, User
from webapp.accounts.return_to import ReturnTo, ReturnUrlNotAllowed
from webapp.accounts.service import AddressTaken
from webapp.accounts.users import administration, listing, members
from webapp.accounts.users.admin_links import ShownLink
from webapp.accounts.users.listing import UserFilter
from webapp.accounts.users.members import Activation, Deliver, InvalidPerson, IsAdministrator
from webapp.api import problems
from webapp.api.endpoint import PREFIX, Answer, Blueprint, Call, Permission
from webapp.api.problems import Kind
from webapp.api.replies import Reply
from webapp.api.user_schemas import (
    ChangesSchema,
    CreatedUserSchema,
    DeliveredLinkSchema,
    LinkRequestSchema,
    NewUserSchema,
    PeopleSchema,
    ResultsSchema,
    UserFilterSchema,
    UserListSchema,
    UserSchema,
)
from webapp.core.app_state import app_state
from webapp.core.email_addresses import InvalidEmailAddress, validate
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
)
ALREADY_ACTIVE = Kind("already-active", 409, "Already active", "The person has activated the account before.")
NOT_ACTIVE = Kind(
    "not-active", 409, "Not active", "The person hasn't activated the account yet: there is no password to reset."
)
ACCOUNT_DISABLED = Kind("account-disabled", 409, "Account disabled", "The account is disabled. Enable it first.")
ADDRESS_TAKEN = Kind("address-taken", 409, "Address taken", "Another account has this address.")
NO_PUBLIC_URL = Kind(
    "no-public-url", 409, "No public URL", "Links can't be returned until the public URL is set in Settings → General."
)
TOO_SOON = Kind(
    "too-soon",
    429,
    "Too soon",
    "An email was requested for this address less than five minutes ago. Retry-After says when to try again.",
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

blueprint = Blueprint(
    "Users",
    "The people who have accounts. An application that may manage users sees and manages all members, also those that "
    "others created, and no administrators.",
)


@blueprint.operation(
    "POST",
    "/users",
    permission=Permission.USERS,
    body=NewUserSchema,
    examples=CREATE_EXAMPLES,
    answer=Answer(
        CreatedUserSchema,
        {**USER_EXAMPLE, "created": True, "activation": "queued", "link": None},
        description="The user with this address",
        headers=LOCATION,
    ),
    refusals=(ADMINISTRATOR, RETURN_URL_NOT_ALLOWED, NO_PUBLIC_URL),
)
def create_user(call: Call) -> Reply:
    """Create a user, or find the one with this address, and let them activate the account if it is pending.

    A user who is found stays as they are.
    """
    body, session = call.body, call.session
    try:
        person = members.read_person(body["email"], body["name"], body["language"] or "")
    except InvalidPerson as error:
        raise _invalid(error.field, str(error)) from None
    deliver, back = Deliver(body["activation"]), _return_to(call)
    try:
        found = members.create_or_find(session, app_state().sealer, person, deliver, back)
    except IsAdministrator:
        raise ADMINISTRATOR.problem() from None
    session.flush()
    reply = {
        **_user(found.user),
        "created": found.created,
        "activation": found.activation,
        "link": _link(session, found.link),
    }
    return Reply(reply, headers={"Location": f"{PREFIX}/users/{found.user.id}"})


@blueprint.operation(
    "POST",
    "/users/bulk",
    permission=Permission.USERS,
    body=PeopleSchema,
    examples={"One of them": PEOPLE_EXAMPLE},
    answer=Answer(ResultsSchema, {"results": [RESULT_EXAMPLE]}, description="What became of each"),
    refusals=(RETURN_URL_NOT_ALLOWED,),
    large=True,
)
def create_users(call: Call) -> Reply:
    """Create up to 1,000 users at once.

    Existing users stay as they are, and get no email. Values that are not valid are reported in the results.
    """
    back = _return_to(call)
    read: list[members.Person | InvalidPerson] = []
    for one in call.body["users"]:
        try:
            read.append(members.read_person(one["email"] or "", one["name"] or "", one["language"] or ""))
        except InvalidPerson as error:
            read.append(error)
    valid = [one for one in read if not isinstance(one, InvalidPerson)]
    results = iter(members.create_all(call.session, valid, Deliver(call.body["activation"]), back))
    return Reply(
        {
            "results": [
                {
                    "email": sent["email"],
                    **(_refused(one) if isinstance(one, InvalidPerson) else _result(next(results))),
                }
                for sent, one in zip(call.body["users"], read, strict=True)
            ]
        }
    )


@blueprint.operation(
    "GET",
    "/users",
    permission=Permission.USERS,
    query=UserFilterSchema,
    answer=Answer(UserListSchema, {"items": [USER_EXAMPLE], "next_cursor": None}, description="Users, newest first"),
)
def list_users(call: Call) -> Reply:
    """List the users, newest first."""
    query = call.query
    wanted = UserFilter(query.get("search", ""), query.get("state", ""), Role.MEMBER)
    found, more = listing.list_users(call.session, wanted, query.get("cursor"), query["limit"])
    return Reply({"items": [_user(user) for user in found], "next_cursor": found[-1].id if more else None})


@blueprint.operation(
    "GET",
    USER_PATH,
    permission=Permission.USERS,
    parameters=[ID],
    answer=Answer(UserSchema, USER_EXAMPLE, description="The user"),
    refusals=(ADMINISTRATOR,),
)
def show_user(call: Call, user_id: int) -> Reply:
    """Show a user."""
    try:
        return Reply(_user(members.get(call.session, user_id)))
    except IsAdministrator:
        raise ADMINISTRATOR.problem() from None


@blueprint.operation(
    "PATCH",
    USER_PATH,
    permission=Permission.USERS,
    parameters=[ID],
    body=ChangesSchema,
    examples={"Another name": {"name": "Ada King"}},
    answer=Answer(UserSchema, USER_EXAMPLE, description="The user as they are now"),
    refusals=(ADMINISTRATOR, ADDRESS_TAKEN, ALREADY_ACTIVE, ACCOUNT_DISABLED),
)
def change_user(call: Call, user_id: int) -> Reply:
    """Change a user. Only the address of a pending one can be changed: others confirm a new one themselves."""
    user, body, session = _lock(call, user_id), call.body, call.session
    if not request.get_data():
        raise problems.invalid([FieldError("Say what to change.", pointer="#")])
    if "name" in body:
        try:
            administration.rename(session, user_id, members.read_name(body["name"]), None)
        except InvalidPerson as error:
            raise _invalid("name", str(error)) from None
    if "language" in body:
        administration.change_language(session, user_id, body["language"] or "", None)
    if "email" in body:
        _correct_address(session, user_id, body["email"])
    return Reply(_user(user))


@blueprint.operation(
    "DELETE",
    USER_PATH,
    permission=Permission.USERS,
    parameters=[ID],
    answer=Answer(None, None, 204, "Deleted"),
    refusals=(ADMINISTRATOR,),
)
def delete_user(call: Call, user_id: int) -> Reply:
    """Delete a user, with sessions, links and messages."""
    _lock(call, user_id)
    administration.delete(call.session, user_id, None)
    return Reply(None, 204)


def _link_endpoint(name: str, *refusals: Kind) -> Callable[[Callable[..., Reply]], Callable[..., Reply]]:
    return blueprint.operation(
        "POST",
        f"{USER_PATH}/{name}",
        permission=Permission.USERS,
        parameters=[ID],
        body=LinkRequestSchema,
        body_required=False,
        examples=LINK_EXAMPLES,
        answer=Answer(DeliveredLinkSchema, {"link": LINK_EXAMPLE}, description="The link, if it was to be returned"),
        refusals=(ADMINISTRATOR, RETURN_URL_NOT_ALLOWED, ACCOUNT_DISABLED, NO_PUBLIC_URL, TOO_SOON, *refusals),
    )


@_link_endpoint("activation", ALREADY_ACTIVE)
def request_activation(call: Call, user_id: int) -> Reply:
    """Send a pending user another activation email, or return the link.

    Without `return_url`, it leads back where the one before did.
    """
    return _request_link(call, user_id, members.request_activation)


@_link_endpoint("password-reset", NOT_ACTIVE)
def request_password_reset(call: Call, user_id: int) -> Reply:
    """Send an active user an email with which they choose another password, or return the link.

    They are notified by email of a link that is returned.
    """
    return _request_link(call, user_id, members.request_reset)


def _action(name: str) -> Callable[[Callable[..., Reply]], Callable[..., Reply]]:
    return blueprint.operation(
        "POST",
        f"{USER_PATH}/{name}",
        permission=Permission.USERS,
        parameters=[ID],
        answer=Answer(UserSchema, USER_EXAMPLE, description="The user as they are now"),
        refusals=(ADMINISTRATOR,),
    )


@_action("sign-out")
def sign_out_user(call: Call, user_id: int) -> Reply:
    """End all sessions of a user in Mailroom."""
    return _change(call, user_id, administration.end_sessions)


@_action("disable")
def disable_user(call: Call, user_id: int) -> Reply:
    """Disable a user: end all sessions and links, and let nobody sign in."""
    return _change(call, user_id, administration.disable)


@_action("enable")
def enable_user(call: Call, user_id: int) -> Reply:
    """Enable a user who was disabled, in the state of before."""
    return _change(call, user_id, administration.enable)


def _lock(call: Call, user_id: int) -> User:
    try:
        return members.lock(call.session, user_id)
    except IsAdministrator:
        raise ADMINISTRATOR.problem() from None


def _change(call: Call, user_id: int, change: Callable[[Session, int, None], None]) -> Reply:
    user = _lock(call, user_id)
    change(call.session, user_id, None)
    return Reply(_user(user))


def _request_link(call: Call, user_id: int, request: Callable[..., ShownLink | None]) -> Reply:
    user, back = _lock(call, user_id), _return_to(call)
    deliver = Deliver(call.body.get("deliver", Deliver.MAIL))
    try:
        shown = request(call.session, app_state().sealer, user, deliver, back)
    except AlreadyActive:
        raise ALREADY_ACTIVE.problem() from None
    except NotActive:
        raise NOT_ACTIVE.problem() from None
    except AccountDisabled:
        raise ACCOUNT_DISABLED.problem() from None
    except TooManyRequests as error:
        raise TOO_SOON.problem(headers={"Retry-After": str(error.retry_after)}) from None
    return Reply({"link": _link(call.session, shown)})


def _correct_address(session: Session, user_id: int, email: str) -> None:
    try:
        administration.correct_address(session, user_id, validate(email), None)
    except InvalidEmailAddress as error:
        raise _invalid("email", str(error)) from None
    except AddressTaken:
        raise ADDRESS_TAKEN.problem() from None
    except AlreadyActive:
        raise ALREADY_ACTIVE.problem("The person changes the address in their profile, and confirms it.") from None
    except AccountDisabled:
        raise ACCOUNT_DISABLED.problem() from None


def _return_to(call: Call) -> ReturnTo | None:
    try:
        return return_to.allow(call.application, call.body.get("return_url", ""))
    except InvalidReturnUrl as error:
        raise _invalid("return_url", str(error)) from None
    except ReturnUrlNotAllowed as error:
        raise RETURN_URL_NOT_ALLOWED.problem(errors=[FieldError(str(error), pointer="#/return_url")]) from None


def _invalid(field: str, text: str) -> Problem:
    return problems.invalid([FieldError(text, pointer=f"#/{field}")])


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "language": user.language,
        "state": user.state,
        "created_at": iso(user.created_at),
        "activated_at": iso(user.activated_at) if user.activated_at else None,
    }


def _link(session: Session, shown: ShownLink | None) -> dict[str, str] | None:
    if shown is None:
        return None
    public_url = general(session, app_state().config).public_url
    if not public_url:
        raise NO_PUBLIC_URL.problem()
    url = public_url + links.PATHS[shown.purpose] + shown.secret
    return {"url": url, "code": shown.code, "expires_at": iso(shown.expires_at)}


def _result(result: members.Result) -> dict[str, Any]:
    found = {"outcome": result.outcome, "id": result.user_id, "activation": result.activation}
    return found | {"field": None, "detail": None}


def _refused(error: InvalidPerson) -> dict[str, Any]:
    found = {"outcome": "invalid", "id": None, "activation": Activation.NONE}
    return found | {"field": error.field, "detail": str(error)}
