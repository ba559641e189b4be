"""What a message becomes at the moment it is sent: to whom it goes, and with which link."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from webapp.accounts import address_changes, links
from webapp.accounts import service as accounts
from webapp.accounts.models import Purpose, Status, User
from webapp.errors import Failure
from webapp.outbox import claims
from webapp.outbox.models import Message
from webapp.settings.service import General

PURPOSES = {
    "activation": Purpose.ACTIVATION,
    "reset": Purpose.RESET,
    "confirm_address": Purpose.CONFIRM_ADDRESS,
    "address_changed": Purpose.RESTORE_ADDRESS,
}
# These links are for the address that the message goes to, and are mailed there.
FOR_AN_ADDRESS = ("confirm_address", "address_changed")


class Unwanted(Failure):
    """There is nobody to send it to; the text says why."""


class NotReady(Failure):
    """A setting is missing or cannot be used; the text says which."""


@dataclass(frozen=True)
class Letter:
    """What to compose. It holds the link, so it lives in memory only."""

    template: str
    recipient: str
    facts: dict[str, Any]
    link: str | None = field(default=None, repr=False)


def require_public_address(message: Message, general: General) -> None:
    """A link must begin with the configured address, never with a guess. Raises NotReady."""
    if message.template in PURPOSES and not general.public_url:
        raise NotReady(_("No public address is set, so the link in it cannot be written."))


def write(session: Session, message: Message, general: General) -> Letter:
    """The letter for a message; mints its link. Raises Unwanted.

    When the attempt then fails, the link stays: the server may have accepted the mail although its
    answer never came, and a link that is revoked by then would arrive dead. It expires by itself.
    """
    person = _person(session, message)
    facts = {"name": person.name if person else "", "happened_at": message.created_at, **message.facts}
    if message.template == "locked":
        # Nor is this one for the address that was typed: see below.
        until = datetime.fromisoformat(message.facts["until"])
        return Letter(message.template, _active(person).email, facts | {"until": until})
    if message.template not in PURPOSES:
        return Letter(message.template, message.recipient, facts)
    person = _wanted(person)
    template = _template(session, message, person)
    purpose, valid_until = PURPOSES[template], claims.deadline(message)
    address = message.recipient if template in FOR_AN_ADDRESS else None
    secret = links.mint(session, person, purpose, valid_until, address)
    facts |= {"valid_until": valid_until}
    # Not to the address that was typed: two that compare as equal can lead to different mailboxes.
    return Letter(template, address or person.email, facts, general.public_url + links.PATHS[purpose] + secret)


def _person(session: Session, message: Message) -> User | None:
    # Locked, so that whoever changes the account meanwhile also finds the link that is made here.
    if message.user_id is not None:
        return session.get(User, message.user_id, with_for_update=True)
    if message.template in PURPOSES or message.template == "locked":
        return accounts.by_email(session, message.recipient, locked=True)
    return None


def _wanted(person: User | None) -> User:
    if person is None:
        raise Unwanted(_("Nobody has this address."))
    if person.status == Status.DISABLED:
        raise Unwanted(_("The account is disabled."))
    return person


def _active(person: User | None) -> User:
    owner = _wanted(person)
    if owner.status != Status.ACTIVE:
        raise Unwanted(_("The account is not active."))
    return owner


def _template(session: Session, message: Message, person: User) -> str:
    """The mail that suits how the account stands by now. Raises Unwanted."""
    if message.template == "confirm_address":
        change = address_changes.waiting(session, person.id)
        if change is None or change.email != message.recipient:
            raise Unwanted(_("The address is not asked for any more."))
    if message.template == "address_changed" and _is_undone(session, message, person):
        raise Unwanted(_("The change was undone already."))
    if message.template == "activation" and person.status == Status.ACTIVE:
        raise Unwanted(_("The account is active already."))
    return "activation" if person.status == Status.PENDING else message.template


def _is_undone(session: Session, message: Message, person: User) -> bool:
    # The link would give the account back to an address that was taken from it on purpose.
    return address_changes.is_undone(session, person.id, message.created_at, claims.deadline(message))
