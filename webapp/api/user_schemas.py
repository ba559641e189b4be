"""What users look like in requests and responses."""

from typing import Any

from marshmallow import Schema, fields, validate

from webapp.accounts.models import UserState
from webapp.accounts.names import MAX_NAME_LENGTH
from webapp.accounts.users.listing import PAGE_SIZE
from webapp.accounts.users.members import Activation, Deliver, Outcome
from webapp.api.schemas import time_field
from webapp.core.database import MAX_ID
from webapp.core.email_addresses import MAX_EMAIL_LENGTH
from webapp.core.i18n import LANGUAGES
from webapp.core.return_urls import MAX_LENGTH

MAX_PEOPLE = 1000
MAX_PAGE = 1000
MAX_SEARCH = 200
LANGUAGE = "The language of pages and emails. Null is that of the browser, and English in emails."
RETURN_URL: dict[str, Any] = {
    "description": "Where the person is led back to once they have chosen a password. It begins with one of the return "
    "URLs in Settings → Applications. Put no secrets into it.",
    "pattern": r"^(https://[a-z0-9]{1,30}(\.[a-z0-9]{1,30})*\.[a-z]{2,10}(/[A-Za-z0-9_-]{1,30})*/?)?$",
    "maxLength": MAX_LENGTH,
    "example": "https://shop.example/welcome",
}
NAME: dict[str, Any] = {
    "description": "The name that greets the person in emails, so it can't contain a web address.",
    "format": "person-name",
    "maxLength": MAX_NAME_LENGTH,
    "example": "Ada Lovelace",
}
EMAIL: dict[str, Any] = {
    "description": "The address, by which people sign in. Each belongs to one user, in any spelling.",
    "format": "idn-email",
    "maxLength": MAX_EMAIL_LENGTH,
    "example": "ada@example.com",
}
# NUL, which no text may contain, is refused in the whole request.
TEXT: dict[str, Any] = {"pattern": r"^[^\x00]*$"}
ACTIVATION = (
    "`queued`: an email with a link is on its way; `link`: the link is in this response; `none`: nothing was asked "
    "for; `too_soon`: an email was requested for this address less than five minutes ago; `active` and `disabled`: the "
    "user has this state, so there is nothing to activate."
)


def _language(**options: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(list(LANGUAGES)), metadata={"description": LANGUAGE}, **options)


def _deliver(*choices: Deliver) -> fields.String:
    return fields.String(
        load_default=Deliver.MAIL,
        validate=validate.OneOf(list(choices)),
        metadata={
            "description": "`mail` sends the link by email; `link` returns it, once, for the application to pass on"
            + ("; `none` does neither." if Deliver.NONE in choices else ".")
        },
    )


class UserSchema(Schema):
    """A member. Applications don't see administrators."""

    id = fields.Integer(required=True, metadata={"description": "Never used again for another user."})
    email = fields.String(required=True, metadata=EMAIL)
    name = fields.String(required=True, metadata=NAME)
    language = fields.String(required=True, allow_none=True, metadata={"description": LANGUAGE})
    state = fields.String(
        required=True,
        validate=validate.OneOf(list(UserState)),
        metadata={"description": "`pending` until the person has chosen a password; `active`; `disabled`."},
    )
    created_at = time_field("When the account was created.", required=True)
    activated_at = time_field("When the person chose a password; null before.", required=True, allow_none=True)


class LinkSchema(Schema):
    """A link with which the person chooses a password. Anybody who has it can take over the account."""

    url = fields.String(required=True, metadata={"description": "Works once.", "format": "uri"})
    code = fields.String(
        required=True, metadata={"description": "Does the same, entered at `/code` with the email address."}
    )
    expires_at = time_field("When both stop working.", required=True)


class NewUserSchema(Schema):
    """Somebody to create, or to find."""

    email = fields.String(required=True, metadata=EMAIL)
    name = fields.String(
        load_default="",
        metadata={**NAME, "description": f"{NAME['description']} Without one, it is made of the address."},
    )
    language = _language(load_default=None, allow_none=True)
    activation = _deliver(*Deliver)
    return_url = fields.String(load_default="", metadata=RETURN_URL)


class CreatedUserSchema(UserSchema):
    """The user with the address, who was created or found."""

    created = fields.Boolean(required=True, metadata={"description": "Whether the user is new."})
    activation = fields.String(
        required=True, validate=validate.OneOf(list(Activation)), metadata={"description": ACTIVATION}
    )
    link = fields.Nested(LinkSchema, required=True, allow_none=True, metadata={"description": "If it was asked for."})


class ChangesSchema(Schema):
    """What to change of a user; what is left out stays."""

    email = fields.String(
        metadata={**EMAIL, "description": "Another address, only of a pending user: links sent before stop working."}
    )
    name = fields.String(metadata=NAME)
    language = _language(allow_none=True)


class UserFilterSchema(Schema):
    """Which users to list."""

    state = fields.String(validate=validate.OneOf(list(UserState)), metadata={"description": "Only in this state."})
    search = fields.String(
        validate=validate.Length(max=MAX_SEARCH),
        metadata={"description": "Only those with words that begin so in the name or address; or a complete address."},
    )
    limit = fields.Integer(
        load_default=PAGE_SIZE,
        validate=validate.Range(1, MAX_PAGE),
        metadata={"description": "How many to list at most."},
    )
    cursor = fields.Integer(
        validate=validate.Range(1, MAX_ID), metadata={"description": "`next_cursor` of the previous page."}
    )


class UserListSchema(Schema):
    """One page of users."""

    items = fields.List(fields.Nested(UserSchema), required=True)
    next_cursor = fields.Integer(
        required=True, allow_none=True, metadata={"description": "For the next page; null on the last one."}
    )


class LinkRequestSchema(Schema):
    """How a link gets to the person."""

    deliver = _deliver(Deliver.MAIL, Deliver.LINK)
    return_url = fields.String(load_default="", metadata=RETURN_URL)


class DeliveredLinkSchema(Schema):
    """What became of a link."""

    link = fields.Nested(
        LinkSchema, required=True, allow_none=True, metadata={"description": "Null if it is on its way by email."}
    )


class PersonSchema(Schema):
    """One of many to create. Values that are not valid are reported with the others' results."""

    email = fields.String(load_default=None, allow_none=True, metadata={**TEXT, "example": "ada@example.com"})
    name = fields.String(load_default=None, allow_none=True, metadata={**TEXT, "example": "Ada Lovelace"})
    language = fields.String(load_default=None, allow_none=True, metadata={**TEXT, "example": "en"})


class PeopleSchema(Schema):
    """Many people to create."""

    users = fields.List(
        fields.Nested(PersonSchema),
        required=True,
        validate=validate.Length(1, MAX_PEOPLE),
        metadata={"description": "Values that are not valid keep nobody else from being created."},
    )
    activation = fields.String(
        load_default=Deliver.MAIL,
        validate=validate.OneOf([Deliver.MAIL, Deliver.NONE]),
        metadata={"description": "`mail` sends an activation email to each new user; `none` doesn't."},
    )
    return_url = fields.String(load_default="", metadata=RETURN_URL)


class ResultSchema(Schema):
    """What became of one of many people."""

    email = fields.String(required=True, allow_none=True, metadata={"description": "As it was sent."})
    outcome = fields.String(
        required=True,
        validate=validate.OneOf([*Outcome, "invalid"]),
        metadata={
            "description": "`created`; `existing`: a user has the address, and stays as they are; `duplicate`: it "
            "came earlier in the same request; `administrator`: an administrator has it; `invalid`: `detail` says why."
        },
    )
    id = fields.Integer(required=True, allow_none=True, metadata={"description": "Of the user with the address."})
    activation = fields.String(
        required=True, validate=validate.OneOf(list(Activation)), metadata={"description": ACTIVATION}
    )
    field = fields.String(required=True, allow_none=True, metadata={"description": "The value that is not valid."})
    detail = fields.String(required=True, allow_none=True, metadata={"description": "What is wrong with it."})


class ResultsSchema(Schema):
    """What became of many people, in the order of the request."""

    results = fields.List(fields.Nested(ResultSchema), required=True)
