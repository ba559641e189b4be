"""Emails that were stored although their clients may not know it, because the process or the database died in between.

Their clients send them again. Such an email is recognized, answered with the id that it has, and not stored twice.
"""

import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from webapp.core.database import Database
from webapp.outbox.submissions.models import Submission
from webapp.outbox.submissions.service import Handed

FILE = "submission-unanswered"
# Seconds in which clients try again; after that, an email that looks the same is a new one.
PERIOD = 900


class Unanswered:
    """Remembers the last two transactions in a file, until their clients have their replies.

    The file outlives the death of the process, and needn't outlive a power cut: then an email may be doubled. Emails
    are remembered by their public ids, each with its digest.
    """

    def __init__(self, instance: Path) -> None:
        self._path = instance / FILE
        self._file: int | None = None
        self._length = 0
        # The emails of the transactions before, and of this one.
        self._before: dict[str, str] = {}
        self._present: dict[str, str] = {}
        # Those that were perhaps stored, and those that were, and until when (`time.monotonic`) they are looked for.
        self._suspects = self._read()
        self._stored: dict[str, str] = {}
        self._until = 0.0

    def begin(self, database: Database) -> None:
        """Begin a transaction. Raises DATABASE_UNAVAILABLE while it can't be found out which suspects were stored."""
        self._before, self._present = self._present, {}
        if self._suspects:
            known = select(Submission.public_id).where(Submission.public_id.in_(self._suspects))
            with database.read() as session:
                self._stored |= {public_id: self._suspects[public_id] for public_id in session.scalars(known)}
            self._suspects, self._until = {}, time.monotonic() + PERIOD

    def note(self, digests: Mapping[str, str]) -> None:
        """Remember the emails of this transaction, just before it is committed."""
        self._present |= digests
        self._write()

    def failed(self) -> None:
        """Look for the emails of this transaction later: nobody knows whether it was committed."""
        self._suspects |= self._present
        self._present = {}

    def forget(self) -> None:
        """Forget the emails of the last transactions: their clients have had their replies."""
        if self._before or self._present:
            self._before, self._present = {}, {}
            self._write()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)

    def find(self, digest: str) -> str | None:
        """Return the id of this email if it was stored and its client didn't know; each is found once."""
        if time.monotonic() > self._until:
            self._stored = {}
        found = next((public_id for public_id, known in self._stored.items() if known == digest), None)
        if found is not None:
            self._present[found] = self._stored.pop(found)
        return found

    def _write(self) -> None:
        emails = {**self._suspects, **self._stored, **self._before, **self._present}
        content = "\n".join(f"{public_id} {digest}" for public_id, digest in emails.items()).encode()
        # Never made shorter: some file systems wait for the disk then.
        self._length = max(self._length, len(content))
        # Without the file, for instance on a full disk, emails may be doubled, and none is lost.
        with suppress(OSError):
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600) if self._file is None else self._file
            os.pwrite(self._file, content.ljust(self._length), 0)

    def _read(self) -> dict[str, str]:
        try:
            content = self._path.read_text()
        except (OSError, ValueError):
            return {}
        self._length = len(content)
        words = content.split()
        return dict(zip(words[::2], words[1::2], strict=False))


def digest_of(application_id: int, handed: Handed) -> str:
    """Return what two emails have in common only if they are the same, octet for octet."""
    envelope = repr((application_id, handed.sender, sorted(handed.recipients)))
    return hashlib.sha256(envelope.encode() + handed.content).hexdigest()
