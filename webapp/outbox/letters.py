"""What a message becomes at the moment it is sent: to whom it goes, and with which link."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts import service as accounts
from webapp.accounts.address_changes import pending
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, Role, User, UserState
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.core import clock
from webapp.core.errors import MailroomError
from webapp.core.sealing import Sealer
from webapp.mail.expiry import alerts
from webapp.mail.expiry.service import Expiry
from webapp.outbox import claims, labels
from webapp.outbox.models import Message
from webapp.settings.service import General

PURPOSES = {
    "activation": LinkPurpose.ACTIVATION,
    "reset": LinkPurpose.RESET,
    "confirm_address": LinkPurpose.CONFIRM_ADDRESS,
    "address_changed": LinkPurpose.RESTORE_ADDRESS,
}
# These links are for the address that the message goes to, and are mailed there.
FOR_AN_ADDRESS = ("confirm_address", "address_changed")
# These go to people who can sign in, at the account's own address: the one that was typed may compare as equal
# to it and still lead to another mailbox.
FOR_THE_ACTIVE = ("lockout", "expiry_alert")


class Unwanted(MailroomError):
    """There is nobody to send it to; the text says why."""


class NotReady(MailroomError):
    """A setting is missing or cannot be used; the text says which."""


@dataclass(frozen=True)
class PreparedMessage:
    """What to compose, and in which language. It holds the link and the code, so it lives in memory only."""

    template: str
    recipient: str
    facts: dict[str, Any] = field(repr=False)
    language: str | None = None
    link: str | None = field(default=None, repr=False)


def require_public_address(message: Message, general: General) -> None:
    """A link must begin with the configured address, never with a guess. Raises NotReady."""
    if message.template in PURPOSES and not general.public_url:
        raise NotReady(labels.NO_PUBLIC_ADDRESS)


def prepare(session: Session, message: Message, general: General, sealer: Sealer) -> PreparedMessage:
    """The letter for a message; mints its link and code if it has them. Raises Unwanted."""
    person = _person(session, message)
    facts = _facts(message, person)
    if message.template in PURPOSES:
        return _with_link(session, message, _wanted(person), facts, general, sealer)
    recipient = message.recipient
    if message.template in FOR_THE_ACTIVE:
        recipient = _active(person).email
    if message.template == "expiry_alert" and not _concerns(session, person, facts["expiry"]):
        raise Unwanted(labels.ALERT_RESOLVED)
    return PreparedMessage(message.template, recipient, facts, person.language if person else None)


def _with_link(
    session: Session, message: Message, person: User, facts: dict[str, Any], general: General, sealer: Sealer
) -> PreparedMessage:
    """A letter with a link and a code that are made here. Raises Unwanted.

    When the attempt then fails, the link stays: the server may have accepted the mail although its
    answer never came, and a link that is revoked by then would arrive dead. It expires by itself.
    """
    template = _template(session, message, person)
    purpose, valid_until = PURPOSES[template], claims.deadline(message)
    address = message.recipient if template in FOR_AN_ADDRESS else None
    ticket = codes.issue(session, sealer, person, purpose, valid_until, address)
    audit.record(session, Event.LINK_MADE, person, purpose=purpose)
    facts |= {"valid_until": valid_until, "code": ticket.code, "account": person.email}
    link = general.public_url + links.PATHS[purpose] + ticket.secret
    return PreparedMessage(template, address or person.email, facts, person.language, link)


def _facts(message: Message, person: User | None) -> dict[str, Any]:
    """The facts as templates take them: JSON has neither moments nor expiries."""
    facts = {"name": person.name if person else "", "happened_at": message.created_at, **message.facts}
    if message.template == "lockout":
        facts["until"] = datetime.fromisoformat(facts["until"])
    if message.template == "new_session":
        facts["sign_ins"] = [one | {"at": datetime.fromisoformat(one["at"])} for one in facts["sign_ins"]]
    if message.template == "expiry_alert":
        facts["expiry"] = Expiry.of_facts(message.facts)
    return facts


def _person(session: Session, message: Message) -> User | None:
    # Locked, so that whoever changes the account meanwhile also finds the link that is made here.
    if message.user_id is not None:
        return session.get(User, message.user_id, with_for_update=True)
    if message.template in PURPOSES or message.template == "lockout":
        return accounts.find_by_email(session, message.recipient, lock=True)
    return None


def _wanted(person: User | None) -> User:
    if person is None:
        raise Unwanted(labels.NOBODY)
    if person.status == UserState.DISABLED:
        raise Unwanted(labels.DISABLED)
    return person


def _active(person: User | None) -> User:
    owner = _wanted(person)
    if owner.status != UserState.ACTIVE:
        raise Unwanted(labels.NOT_ACTIVE)
    return owner


def _concerns(session: Session, person: User | None, expiry: Expiry) -> bool:
    """Whether there still is something to warn of, and this is somebody who can do something about it."""
    is_administrator = person is not None and person.role == Role.ADMINISTRATOR
    return is_administrator and alerts.is_current(session, expiry, clock.now())


def _template(session: Session, message: Message, person: User) -> str:
    """The mail that suits how the account stands by now. Raises Unwanted."""
    if message.template == "confirm_address":
        change = pending.find_pending(session, person.id)
        if change is None or change.email != message.recipient:
            raise Unwanted(labels.NOT_ASKED_FOR)
    if message.template == "address_changed" and _is_undone(session, message, person):
        raise Unwanted(labels.UNDONE)
    if message.template == "activation" and person.status == UserState.ACTIVE:
        raise Unwanted(labels.ACTIVE)
    return "activation" if person.status == UserState.PENDING else message.template


def _is_undone(session: Session, message: Message, person: User) -> bool:
    # The link would give the account back to an address that was taken from it on purpose.
    return pending.is_undone(session, person.id, message.recipient, message.created_at, claims.deadline(message))
