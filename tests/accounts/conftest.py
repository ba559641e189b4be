"""Fixtures and helpers for the tests of accounts."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from tests.support import browser
from tests.support.users import add_user
from webapp.accounts.address_changes import service as address
from webapp.accounts.bulk_jobs import runner
from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.bulk_jobs.models import BulkJob
from webapp.accounts.imports import service as imports
from webapp.accounts.imports.options import Options
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.links.codes import IssuedLink
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.accounts.sessions import login
from webapp.accounts.sessions import service as sessions
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.rate_limits import RateLimit
from webapp.outbox.models import Message
from webapp.web.client import Client

CLIENT = Client("192.0.2.1", "Firefox")
NEW_PASSWORD = "another long sentence 8"
NEW_EMAIL = "ada@new.example"
IssueLink = Callable[..., IssuedLink]
NewLink = Callable[..., str]
SignedIn = Callable[[User], str]
Queued = Callable[[], list[tuple[str, str]]]
Deliver = Callable[[], None]
RequestChange = Callable[..., None]
Started = Callable[..., int]
RunJobs = Callable[[], None]
ReadJob = Callable[[int], BulkJob]


@pytest.fixture
def ada(database: Database) -> User:
    """An active user."""
    return _user(database, add_user(database, "ada@example.com"))


@pytest.fixture
def pat(database: Database) -> User:
    """A user who has not activated the account yet."""
    return _user(database, add_user(database, "pat@example.com", state=UserState.PENDING))


@pytest.fixture
def new_link(database: Database) -> Callable[..., str]:
    """Create a link for a user; return its secret."""

    def make(user: User, purpose: LinkPurpose, lifetime: timedelta = timedelta(hours=1)) -> str:
        with database.transaction() as session:
            return links.create(session, user, purpose, clock.now() + lifetime)

    return make


@pytest.fixture
def issue_link(state: AppState) -> IssueLink:
    """Create a link with a code."""

    def make(
        user: User, purpose: LinkPurpose = LinkPurpose.RESET, lifetime: timedelta = timedelta(hours=1)
    ) -> IssuedLink:
        with state.database.transaction() as session:
            return codes.issue(session, state.sealer, user, purpose, clock.now() + lifetime)

    return make


@pytest.fixture
def signed_in(database: Database) -> Callable[[User], str]:
    """Sign a user in; return the token."""

    def sign_in(user: User) -> str:
        with database.transaction() as session:
            _session, token = sessions.start(session, user, CLIENT)
        return token

    return sign_in


@pytest.fixture
def queued(database: Database) -> Queued:
    """List the messages in the outbox: kind and recipient."""

    def read() -> list[tuple[str, str]]:
        with database.read() as session:
            return [(m.kind, m.recipient) for m in session.scalars(select(Message).order_by(Message.id))]

    return read


def run_at_once(acts: Sequence[Callable[[], object]]) -> list[object]:
    """Return what each returns or raises when all start at the same moment."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def set_state(database: Database, user: User, user_state: UserState) -> None:
    """Change the state of a user."""
    with database.transaction() as session:
        session.execute(update(User).where(User.id == user.id).values(state=user_state))


def sign_in(state: AppState, email: str, password: str = browser.PASSWORD, address: str = "192.0.2.1") -> str:
    """Sign in with the password; return the token."""
    return login.sign_in(state.database, email, password, Client(address, "Firefox")).token


def _user(database: Database, user_id: int) -> User:
    with database.read() as session:
        return session.get_one(User, user_id)


@pytest.fixture
def request_change(state: AppState) -> RequestChange:
    """Request another address, with the password, in a new session."""

    def request_change(
        user: User, email: str = NEW_EMAIL, password: str = browser.PASSWORD, limited: bool = False
    ) -> None:
        with state.database.transaction() as session:
            if not limited:
                session.execute(delete(RateLimit))
            user_session, _token = sessions.start(session, user, CLIENT)
        address.request(state.database, user, email, password, user_session)

    return request_change


def has_field_error(page: str, problem: str) -> bool:
    """Return whether a field of the page has this error."""
    return re.search(rf'class="error"[^>]*>[^<]*{problem}', page) is not None


@pytest.fixture
def started(state: AppState) -> Started:
    """Keep a file and start its import; return the job's id."""

    def start(file: bytes | Sequence[bytes], **changed: Any) -> int:
        parts = [file] if isinstance(file, bytes) else file
        job_id = imports.keep(state.database, parts, "people.csv")
        with state.database.read() as session:
            options = Options.of(bulk_jobs.get(session, job_id))
        imports.start(state.database, job_id, replace(options, **changed))
        return job_id

    return start


@pytest.fixture
def run_jobs(state: AppState) -> RunJobs:
    """Carry out all bulk jobs, as the worker does."""
    return lambda: runner.run_due(state.database, lambda: False)


@pytest.fixture
def read_job(state: AppState) -> ReadJob:
    """Read a job as it is now."""

    def read(job_id: int) -> BulkJob:
        with state.database.read() as session:
            return bulk_jobs.get(session, job_id)

    return read
