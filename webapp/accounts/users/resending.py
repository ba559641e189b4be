"""Resending the activation email to many users who haven't activated their account, as a bulk job."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.accounts import return_to
from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.bulk_jobs.kinds import BulkJobKind, Chunk, Item
from webapp.accounts.bulk_jobs.models import BulkJob
from webapp.accounts.models import User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.users import listing
from webapp.accounts.users.listing import UserFilter
from webapp.core.database import Database
from webapp.outbox import service as outbox

KIND = "resend"
# How many emails are queued in one transaction, which others wait for on SQLite.
CHUNK_SIZE = 500

QUEUED, WAITING, NOT_PENDING = "queued", "waiting", "not_pending"


@dataclass(frozen=True)
class Selection:
    """Whom to resend the email to: the users with these ids, or all that a filter shows."""

    user_filter: UserFilter
    ids: list[int] = field(default_factory=list)

    def conditions(self, session: Session) -> list[ColumnElement[bool]]:
        """List the conditions for the users who haven't activated their account."""
        chosen = [User.id.in_(self.ids)] if self.ids else listing.conditions(session, self.user_filter)
        return [User.state == UserState.PENDING, *chosen]

    def to_data(self) -> dict[str, Any]:
        """Return what `of` reads."""
        return {**asdict(self.user_filter), "ids": self.ids}

    @classmethod
    def of(cls, job: BulkJob) -> "Selection":
        """Return the selection that a job was started with."""
        options = job.options
        return cls(UserFilter(options["search"], options["state"], options["role"]), options["ids"])


def count(session: Session, selection: Selection) -> int:
    """Return how many users would get an email."""
    return session.scalar(select(func.count(User.id)).where(*selection.conditions(session))) or 0


def start(database: Database, selection: Selection) -> int:
    """Have the emails queued in the background; return the id of the job. Users created later get none."""
    with database.read() as session:
        total = count(session, selection)
        newest = session.scalar(select(func.max(User.id)))
    options = {**selection.to_data(), "newest": newest, "send_activation": True}
    with database.transaction() as session:
        return bulk_jobs.start(session, bulk_jobs.create(session, KIND, {}).id, total, options).id


def read_chunks(database: Database, job: BulkJob) -> Iterator[Chunk]:
    """Yield the ids of the users who are left; the job's position is the last id that is done."""
    selection, last = Selection.of(job), job.position
    while True:
        with database.read() as session:
            left = select(User.id).where(User.id > last, User.id <= job.options["newest"])
            ordered = left.where(*selection.conditions(session)).order_by(User.id).limit(CHUNK_SIZE)
            ids = session.scalars(ordered).all()
        if not ids:
            return
        last = ids[-1]
        yield Chunk(last, ids)


def process(session: Session, _job: BulkJob, chunk: Chunk) -> list[Item]:
    """Queue an email to each user of a chunk who is still pending, unless one is waiting to be sent already."""
    locked = select(User).where(User.id.in_(chunk.entries)).order_by(User.id).with_for_update()
    users = session.scalars(locked.execution_options(populate_existing=True)).all()
    waiting = outbox.users_waiting_for(session, "activation", chunk.entries)
    outcomes = {user.id: _outcome(user, waiting) for user in users}
    wanted = [user for user in users if outcomes[user.id] == QUEUED]
    back = return_to.last_of(session, [user.id for user in wanted], "activation")
    password_links.enqueue_activations(session, wanted, back)
    return [Item(user.id, outcomes[user.id], user.email, user.email_key, user.name) for user in users]


def _outcome(user: User, waiting: set[int]) -> str:
    if user.state != UserState.PENDING:
        return NOT_PENDING
    return WAITING if user.id in waiting else QUEUED


RESEND = BulkJobKind(
    KIND,
    _("Resending activation emails"),
    {
        QUEUED: _("Email queued"),
        WAITING: _("Skipped (an activation email is already waiting to be sent)"),
        NOT_PENDING: _("Skipped (activated or disabled since)"),
    },
    read_chunks,
    process,
)
