"""Asking for the password again, where something is changed and it was typed a while ago.

A form that is sent too late is not lost: what it holds travels sealed through the page that asks,
for the same sign-in and the same address.
"""

import json
from datetime import timedelta

from webapp import clock
from webapp.accounts import passwords, sign_ins, tries
from webapp.accounts.models import SignIn, User
from webapp.accounts.sign_ins import Client
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.database import Database
from webapp.errors import Failure
from webapp.sealing import SealBroken, Sealer

CONFIRMED_FOR = timedelta(minutes=15)
PURPOSE = "held form"
# In characters, sealed; it has to fit into a request together with the password.
MOST_HELD = 3 * 1024 * 1024

Fields = list[tuple[str, str]]


class WrongPassword(Failure):
    """It is not this person's password."""


class SignInEnded(Failure):
    """The person was signed out at the same moment."""


class TooMuchToHold(Failure):
    """What was sent is too long to travel through another page."""


def is_due(sign_in: SignIn) -> bool:
    """Whether the password has to be typed again. A clock that was set back does not put it off."""
    return abs(clock.now() - sign_in.confirmed_at) >= CONFIRMED_FOR


def confirm(
    database: Database, person: User, sign_in: SignIn, password: str, client: Client, limited: bool = True
) -> str:
    """The password was typed again: the sign-in's new token. Raises WrongPassword, SignInEnded, TooManyRequests.

    Wrong ones count as failed sign-ins do. No transaction stays open while the password is hashed.
    """
    if limited:
        with database.writing() as session:
            tries.sign_in(session, person.email, client.address)
    if not passwords.fits(password, person.password_hash):
        with database.writing() as session:
            audit.record(session, Event.PASSWORD_REFUSED, person)
        raise WrongPassword
    with database.writing() as session:
        if limited:
            tries.signed_in(session, person.email, client.address)
        token = sign_ins.confirmed(session, sign_in)
    if token is None:
        raise SignInEnded
    return token


def hold(sealer: Sealer, sign_in: SignIn, path: str, fields: Fields) -> str:
    """The fields of a form that was sent to `path`, sealed. Raises TooMuchToHold."""
    sealed = sealer.seal(json.dumps([sign_in.id, path, fields], ensure_ascii=False), PURPOSE)
    if len(sealed) > MOST_HELD:
        raise TooMuchToHold
    return sealed


def held(sealer: Sealer, sign_in: SignIn, path: str, sealed: str) -> Fields:
    """The fields again. Raises SealBroken, also when they were held for another sign-in or path."""
    sign_in_id, held_path, fields = json.loads(sealer.open(sealed, PURPOSE))
    if (sign_in_id, held_path) != (sign_in.id, path):
        raise SealBroken("The form was held for another sign-in or page.")
    return [(name, value) for name, value in fields]
