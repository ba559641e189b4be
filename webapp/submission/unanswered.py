"""Emails that were stored although their clients may not know it, because the process or the database died in between.

Their clients send them again. Such an email is recognized, answered with the id that it has, and not stored twice.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core.email_addresses import comparison_key
from webapp.core.errors import MailroomError
from webapp.outbox.models import Message
from webapp.outbox.submissions.headers import split
from webapp.outbox.submissions.models import Submission
from webapp.outbox.submissions.service import Handed

FILE = "submission-unanswered"
# Seconds in which clients try again; after that, an email that looks the same is a new one.
PERIOD = 900


@dataclass(frozen=True)
class _Stored:
    """An email that is in the database, and whom it is for."""

    submission: Submission
    recipients: frozenset[str]


class Unanswered:
    """Remembers the last two transactions in a file, until their clients have their replies.

    The file outlives the death of the process, and needn't outlive a power cut: then an email may be doubled.
    """

    def __init__(self, instance: Path) -> None:
        self._path = instance / FILE
        self._file: int | None = None
        self._length = 0
        # The emails of the transactions before, and of this one.
        self._before: list[str] = []
        self._present: list[str] = []
        # Those that were perhaps stored, and those that were, and until when (`time.monotonic`) they are looked for.
        self._suspects = self._read()
        self._stored: list[_Stored] = []
        self._until = 0.0

    def begin(self) -> None:
        """Begin a transaction."""
        self._before, self._present = self._present, []

    def note(self, ids: Sequence[str]) -> None:
        """Remember the emails of this transaction, just before it is committed."""
        self._present = list(ids)
        self._write()

    def failed(self) -> None:
        """Look for the emails of this transaction later: nobody knows whether it was committed."""
        self._suspects += self._present
        self._present = []

    def forget(self) -> None:
        """Forget the emails of the last transactions: their clients have had their replies."""
        if self._before or self._present:
            self._before, self._present = [], []
            self._write()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)

    def look(self, session: Session) -> None:
        """Find out which suspects were stored."""
        if self._suspects:
            found = session.scalars(select(Submission).where(Submission.public_id.in_(self._suspects)))
            self._stored += [_Stored(one, _recipients(session, one)) for one in found]
            self._suspects, self._until = [], time.monotonic() + PERIOD

    def find(self, application_id: int, handed: Handed) -> str | None:
        """Return the id of this email if it was stored and its client didn't know; each is found once."""
        if not self._stored:
            return None
        if time.monotonic() > self._until:
            self._stored = []
        for one in self._stored:
            if _is_same(one, application_id, handed):
                self._stored.remove(one)
                self._present.append(one.submission.public_id)
                return one.submission.public_id
        return None

    def _write(self) -> None:
        ids = [*self._suspects, *(one.submission.public_id for one in self._stored), *self._before, *self._present]
        content = "\n".join(ids).encode()
        # Never made shorter: some file systems wait for the disk then.
        self._length = max(self._length, len(content))
        # Without the file, for instance on a full disk, emails may be doubled, and none is lost.
        with suppress(OSError):
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600) if self._file is None else self._file
            os.pwrite(self._file, content.ljust(self._length), 0)

    def _read(self) -> list[str]:
        try:
            content = self._path.read_text()
        except (OSError, ValueError):
            return []
        self._length = len(content)
        return content.split()


def _recipients(session: Session, submission: Submission) -> frozenset[str]:
    found = session.scalars(select(Message.recipient).where(Message.submission_id == submission.id))
    return frozenset(map(comparison_key, found))


def _is_same(stored: _Stored, application_id: int, handed: Handed) -> bool:
    submission = stored.submission
    if (submission.application_id, submission.sender) != (application_id, handed.sender):
        return False
    if stored.recipients != frozenset(map(comparison_key, handed.recipients)):
        return False
    try:
        content = split(handed.content)
    except MailroomError:
        return False
    if content.subject != submission.subject or content.message_id not in ("", submission.header_id):
        return False
    return len(content.complete(handed.trace, submission.header_id, submission.created_at)) == submission.size
