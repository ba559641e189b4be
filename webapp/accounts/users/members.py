"""What applications do to accounts: they create members, and manage members only.

Otherwise the secret of an application would be as good as an administrator's password.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts import names, service, throttles
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled, AlreadyActive
from webapp.accounts.models import Role, User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.return_to import ReturnTo
from webapp.accounts.users import admin_links, administration, batches
from webapp.accounts.users.admin_links import ShownLink
from webapp.accounts.users.batches import Person
from webapp.core import rate_limits
from webapp.core.email_addresses import InvalidEmailAddress, comparison_key, validate
from webapp.core.errors import MailroomError, TooManyRequests
from webapp.core.i18n import LANGUAGES
from webapp.core.sealing import Sealer
from webapp.core.text import trimmed
from webapp.web.forms import text_error


class IsAdministrator(MailroomError):
    """The account is an administrator's, and applications manage members only."""


class InvalidPerson(MailroomError):
    """A value of somebody to create is not valid; `field` names it."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class Deliver(StrEnum):
    """How the link of a new or pending user gets to them: by email, through the application, or not at all."""

    MAIL = "mail"
    LINK = "link"
    NONE = "none"


class Activation(StrEnum):
    """What became of it. TOO_SOON: an email was requested for this address a moment ago."""

    QUEUED = "queued"
    LINK = "link"
    NONE = "none"
    TOO_SOON = "too_soon"
    ACTIVE = "active"
    DISABLED = "disabled"


class Found(NamedTuple):
    """The user with an address: whether they are new, what became of their activation, and the link, if wanted."""

    user: User
    created: bool
    activation: Activation
    link: ShownLink | None


class Outcome(StrEnum):
    """What became of one of many people."""

    CREATED = "created"
    EXISTING = "existing"
    DUPLICATE = "duplicate"
    ADMINISTRATOR = "administrator"


class Result(NamedTuple):
    """What became of one of many people. There is no id where the account is an administrator's, or just deleted."""

    outcome: Outcome
    user_id: int | None
    activation: Activation


def read_person(email: str, name: str = "", language: str = "") -> Person:
    """Validate somebody to create; without a name, it is made of the address. Raises InvalidPerson."""
    try:
        address = validate(email)
    except InvalidEmailAddress as error:
        raise InvalidPerson("email", str(error)) from None
    if language and language not in LANGUAGES:
        raise InvalidPerson("language", _("Use one of these: %(codes)s.", codes=", ".join(LANGUAGES)))
    chosen = name if trimmed(name) else names.from_address(address)
    return Person(address, comparison_key(address), read_name(chosen), language or None)


def read_name(name: str) -> str:
    """Validate a name. Raises InvalidPerson."""
    name = trimmed(name)
    if problem := text_error(name, most=names.MAX_NAME_LENGTH) or names.problem(name):
        raise InvalidPerson("name", problem)
    return name


def create_or_find(
    session: Session, sealer: Sealer, person: Person, deliver: Deliver, back: ReturnTo | None = None
) -> Found:
    """Create a member, or find the one who has the address, and let them activate the account if it is pending.

    Of two at the same time one creates the user, and the other one finds them. Raises IsAdministrator.
    """
    created = bool(batches.create(session, [person]))
    user = service.find_by_email(session, person.email, lock=True)
    if user is None:
        # Deleted at this moment.
        return create_or_find(session, sealer, person, deliver, back)
    _require_member(user)
    return Found(user, created, *_activate(session, sealer, user, deliver, back))


def create_all(
    session: Session, people: Sequence[Person], deliver: Deliver, back: ReturnTo | None = None
) -> list[Result]:
    """Create a member for each address that nobody has, and queue their activation emails if wanted.

    Existing users stay as they are.
    """
    once: dict[str, Person] = {}
    first = [once.setdefault(person.email_key, person) is person for person in people]
    created = batches.create(session, once.values())
    wanted = sorted(created) if deliver == Deliver.MAIL else []
    mailed = {key for key in wanted if _may_mail(session, key)}
    recipients = [created[key] for key in created if key in mailed]
    leads_back = {user.id: back for user in recipients} if back else None
    password_links.enqueue_activations(session, recipients, leads_back)
    results = _existing(session, [key for key in once if key not in created])
    for key, user in created.items():
        activation = Activation.QUEUED if key in mailed else Activation.TOO_SOON if key in wanted else Activation.NONE
        results[key] = Result(Outcome.CREATED, user.id, activation)
    return [
        results[person.email_key] if new else results[person.email_key]._replace(outcome=Outcome.DUPLICATE)
        for person, new in zip(people, first, strict=True)
    ]


def lock(session: Session, user_id: int) -> User:
    """Lock a member. Raises NotFound, IsAdministrator."""
    return _require_member(administration.lock_user(session, user_id, None))


def get(session: Session, user_id: int) -> User:
    """Return a member. Raises NotFound, IsAdministrator."""
    return _require_member(service.get_user(session, user_id))


def request_activation(
    session: Session, sealer: Sealer, user: User, deliver: Deliver, back: ReturnTo | None = None
) -> ShownLink | None:
    """Queue an activation email to a locked member, or return the link.

    Raises AlreadyActive, AccountDisabled, TooManyRequests.
    """
    if deliver == Deliver.MAIL:
        password_links.enqueue_activation(session, user, back)
        return None
    password_links.require_state(user, UserState.PENDING)
    shown = admin_links.create_activation(session, sealer, user, back)
    links.mark_shown(session, shown.secret)
    return shown


def request_reset(
    session: Session, sealer: Sealer, user: User, deliver: Deliver, back: ReturnTo | None = None
) -> ShownLink | None:
    """Queue a reset email to a locked member, or return the link, of which the person is notified.

    Both send an email, so there is one in five minutes. Raises NotActive, AccountDisabled, TooManyRequests.
    """
    if deliver == Deliver.MAIL:
        password_links.enqueue_reset(session, user, back)
        return None
    password_links.count_reset(session, user)
    return admin_links.create_reset(session, sealer, user, back)


def _require_member(user: User) -> User:
    if user.is_administrator:
        raise IsAdministrator
    return user


def _activate(
    session: Session, sealer: Sealer, user: User, deliver: Deliver, back: ReturnTo | None
) -> tuple[Activation, ShownLink | None]:
    if deliver == Deliver.NONE:
        return Activation.NONE, None
    try:
        link = request_activation(session, sealer, user, deliver, back)
    except AlreadyActive:
        return Activation.ACTIVE, None
    except AccountDisabled:
        return Activation.DISABLED, None
    except TooManyRequests:
        return Activation.TOO_SOON, None
    return (Activation.LINK if link else Activation.QUEUED), link


def _may_mail(session: Session, email_key: str) -> bool:
    """Count an activation email: the account may have been deleted and created again."""
    return rate_limits.try_consume(session, throttles.ACTIVATION_EMAILS_BY_ADDRESS, email_key)


def _existing(session: Session, keys: Sequence[str]) -> dict[str, Result]:
    # One may be deleted at this moment.
    results = dict.fromkeys(keys, Result(Outcome.EXISTING, None, Activation.NONE))
    found = select(User.email_key, User.id, User.role).where(User.email_key.in_(keys))
    for key, user_id, role in session.execute(found) if keys else ():
        if role == Role.ADMINISTRATOR:
            results[key] = Result(Outcome.ADMINISTRATOR, None, Activation.NONE)
        else:
            results[key] = Result(Outcome.EXISTING, user_id, Activation.NONE)
    return results
