"""The emails that the demo received, each in a file."""

import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from flask_babel import gettext as _

from webapp.core.config import Config
from webapp.core.errors import NotFound
from webapp.outbox.submissions import preview

HOST = "127.0.0.1"
USERNAME = "mailroom"
# Public, and shown in the provider's steps: the inbox listens on loopback only.
PASSWORD = "local-inbox"  # noqa: S105
MAX_EMAILS = 200
LINK = re.compile(r"https?://[^\s<>\"']+")
SHOWN = ("From", "To", "Cc", "Delivered-To", "Subject", "Date", "Reply-To", "Message-ID")


@dataclass(frozen=True)
class ReceivedEmail:
    """One email, as the pages show it."""

    number: int
    headers: list[tuple[str, str]]
    text: str
    html: str

    @property
    def links(self) -> list[str]:
        """The URLs in the text, each once."""
        return list(dict.fromkeys(link.rstrip(".,;:!?)") for link in LINK.findall(self.text)))

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        return dict(self.headers).get(name, "")


class Inbox:
    """A folder of emails, numbered from 1; it keeps the newest 200."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._adding = threading.Lock()

    @classmethod
    def for_instance(cls, config: Config) -> "Inbox":
        """Return the inbox in the instance folder."""
        return cls(config.instance / "inbox")

    def add(self, content: bytes, recipients: Sequence[str] = ()) -> None:
        """Store one email, below its recipients, who needn't be named in it. It appears completely or not at all."""
        if recipients:
            content = f"Delivered-To: {', '.join(recipients)}\r\n".encode() + content
        self.folder.mkdir(parents=True, exist_ok=True)
        # Emails that arrive at the same time must not take the same number.
        with self._adding:
            numbers = self.numbers()
            path = self._path(numbers[0] + 1 if numbers else 1)
            unfinished = path.with_suffix(".part")
            unfinished.write_bytes(content)
            unfinished.rename(path)
            for number in numbers[MAX_EMAILS - 1 :]:
                self._path(number).unlink(missing_ok=True)

    def numbers(self) -> list[int]:
        """Return the numbers of all emails, newest first."""
        return sorted((int(path.stem) for path in self.folder.glob("*.eml") if path.stem.isdecimal()), reverse=True)

    def emails(self) -> list[ReceivedEmail]:
        """Return all emails, newest first."""
        found = []
        for number in self.numbers():
            # The oldest may have been deleted for a new one meanwhile.
            with suppress(NotFound):
                found.append(self.get(number))
        return found

    def get(self, number: int) -> ReceivedEmail:
        """Return one email. Raises NotFound."""
        message = message_from_bytes(self._content(number), EmailMessage, policy=default)
        headers = [(name, str(message[name])) for name in SHOWN if message[name] is not None]
        return ReceivedEmail(number, headers, _part(message, "plain"), _part(message, "html"))

    def attachments(self, number: int) -> Sequence[preview.Attachment]:
        """Return what else is in an email. Raises NotFound."""
        email = preview.read(self._content(number), subject="")
        return email.attachments if email else ()

    def _content(self, number: int) -> bytes:
        try:
            return self._path(number).read_bytes()
        except OSError as error:  # also for a number that is too long for a file name
            raise NotFound(f"email {number}") from error

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}.eml"


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    try:
        return str(part.get_content()) if part is not None else ""
    except LookupError:
        return _("This part of the email uses an unknown encoding.")
