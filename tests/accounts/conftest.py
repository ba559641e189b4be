"""What tests of accounts share."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update

from tests.support import browser
from tests.support.people import add_person
from webapp import clock
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.links.codes import Ticket
from webapp.accounts.models import Purpose, Status, User
from webapp.accounts.sign_ins import service as sign_ins
from webapp.accounts.sign_ins import signing_in
from webapp.accounts.sign_ins.service import Client
from webapp.context import Parts
from webapp.database import Database
from webapp.outbox.models import Message

CLIENT = Client("192.0.2.1", "Firefox")
PASSWORD = "another long sentence 8"
NewTicket = Callable[..., Ticket]


@pytest.fixture
def ada(database: Database) -> User:
    """An active person."""
    return _person(database, add_person(database, "ada@example.com"))


@pytest.fixture
def pat(database: Database) -> User:
    """A person who has not activated the account yet."""
    return _person(database, add_person(database, "pat@example.com", status=Status.PENDING))


@pytest.fixture
def new_link(database: Database) -> Callable[..., str]:
    """Makes a link for a person; its secret."""

    def make(person: User, purpose: Purpose, lifetime: timedelta = timedelta(hours=1)) -> str:
        with database.writing() as session:
            return links.mint(session, person, purpose, clock.now() + lifetime)

    return make


@pytest.fixture
def new_ticket(parts: Parts) -> NewTicket:
    """Makes a link with a code."""

    def make(person: User, purpose: Purpose = Purpose.RESET, lifetime: timedelta = timedelta(hours=1)) -> Ticket:
        with parts.database.writing() as session:
            return codes.mint(session, parts.sealer, person, purpose, clock.now() + lifetime)

    return make


@pytest.fixture
def signed_in(database: Database) -> Callable[[User], str]:
    """Signs a person in; the token."""

    def sign_in(person: User) -> str:
        with database.writing() as session:
            _sign_in, token = sign_ins.start(session, person, CLIENT)
        return token

    return sign_in


@pytest.fixture
def owed(database: Database) -> Callable[[], list[tuple[str, str]]]:
    """The messages in the outbox: template and recipient."""

    def read() -> list[tuple[str, str]]:
        with database.reading() as session:
            return [(m.template, m.recipient) for m in session.scalars(select(Message).order_by(Message.id))]

    return read


def at_once(acts: Sequence[Callable[[], object]]) -> list[object]:
    """What each returns or raises when all start at the same moment."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def set_status(database: Database, person: User, status: Status) -> None:
    """Change it as an administrator would."""
    with database.writing() as session:
        session.execute(update(User).where(User.id == person.id).values(status=status))


def sign_in(parts: Parts, email: str, password: str = browser.PASSWORD, address: str = "192.0.2.1") -> str:
    """A new sign-in's token."""
    return signing_in.sign_in(parts.database, parts.queue, email, password, Client(address, "Firefox")).token


def _person(database: Database, user_id: int) -> User:
    with database.reading() as session:
        return session.get_one(User, user_id)
