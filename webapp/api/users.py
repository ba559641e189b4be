"""`/users`: create members or find them, send or return their links, and manage their accounts."""

from collections.abc import Callable

from flask import request
from sqlalchemy.orm import Session

from webapp.accounts.models import Role
from webapp.accounts.users import administration, listing, members
from webapp.accounts.users.admin_links import ShownLink
from webapp.accounts.users.batches import Person
from webapp.accounts.users.listing import UserFilter
from webapp.accounts.users.members import Deliver, InvalidPerson
from webapp.api import problems
from webapp.api.endpoint import PREFIX, Answer, Blueprint, Call, Permission
from webapp.api.problems import Kind
from webapp.api.replies import Reply
from webapp.api.user_parts import (
    ACCOUNT_DISABLED,
    ADDRESS_TAKEN,
    ADMINISTRATOR,
    ALREADY_ACTIVE,
    CREATE_EXAMPLES,
    ID,
    LINK_EXAMPLE,
    LINK_EXAMPLES,
    LOCATION,
    NO_PUBLIC_URL,
    NOT_ACTIVE,
    PEOPLE_EXAMPLE,
    RESULT_EXAMPLE,
    RETURN_URL_NOT_ALLOWED,
    TOO_SOON,
    USER_EXAMPLE,
    USER_PATH,
    invalid,
    link_json,
    result_json,
    return_to_of,
    user_json,
)
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
from webapp.web.problems import FieldError

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
        raise invalid(error.field, str(error)) from None
    deliver, back = Deliver(body["activation"]), return_to_of(call)
    found = members.create_or_find(session, app_state().sealer, person, deliver, back)
    session.flush()
    reply = {
        **user_json(found.user),
        "created": found.created,
        "activation": found.activation,
        "link": link_json(session, found.link),
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
    back = return_to_of(call)
    read: list[Person | InvalidPerson] = []
    for one in call.body["users"]:
        try:
            read.append(members.read_person(one["email"] or "", one["name"] or "", one["language"] or ""))
        except InvalidPerson as error:
            read.append(error)
    valid = [one for one in read if not isinstance(one, InvalidPerson)]
    results = iter(members.create_all(call.session, valid, Deliver(call.body["activation"]), back))
    became = [one if isinstance(one, InvalidPerson) else next(results) for one in read]
    pairs = zip(call.body["users"], became, strict=True)
    return Reply({"results": [{"email": sent["email"], **result_json(one)} for sent, one in pairs]})


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
    return Reply({"items": [user_json(user) for user in found], "next_cursor": found[-1].id if more else None})


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
    return Reply(user_json(members.get(call.session, user_id)))


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
    """Change a user; the address only while the account is pending: others confirm a new one themselves."""
    user, body, session = members.lock(call.session, user_id), call.body, call.session
    if not request.get_data():
        raise problems.invalid([FieldError("Say what to change.", pointer="#")])
    if "name" in body:
        try:
            administration.rename(session, user_id, members.read_name(body["name"]), None)
        except InvalidPerson as error:
            raise invalid("name", str(error)) from None
    if "language" in body:
        administration.change_language(session, user_id, body["language"] or "", None)
    if "email" in body:
        try:
            administration.correct_address(session, user_id, validate(body["email"]), None)
        except InvalidEmailAddress as error:
            raise invalid("email", str(error)) from None
    return Reply(user_json(user))


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
    members.lock(call.session, user_id)
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
    """Let a disabled user sign in again."""
    return _change(call, user_id, administration.enable)


def _change(call: Call, user_id: int, change: Callable[[Session, int, None], None]) -> Reply:
    user = members.lock(call.session, user_id)
    change(call.session, user_id, None)
    return Reply(user_json(user))


def _request_link(call: Call, user_id: int, request: Callable[..., ShownLink | None]) -> Reply:
    user, back = members.lock(call.session, user_id), return_to_of(call)
    deliver = Deliver(call.body.get("deliver", Deliver.MAIL))
    shown = request(call.session, app_state().sealer, user, deliver, back)
    return Reply({"link": link_json(call.session, shown)})
