"""The mails that the demo caught, each in a file."""

import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from flask_babel import gettext as _

from webapp.core.config import Config
from webapp.core.errors import NotFound

HOST = "127.0.0.1"
USERNAME = "mailroom"
# Everybody may know it, and the provider's steps tell it: the inbox listens on loopback alone.
PASSWORD = "local-inbox"  # noqa: S105
MAX_EMAILS = 200
LINK = re.compile(r"https?://[^\s<>\"']+")
SHOWN = ("From", "To", "Subject", "Date", "Reply-To", "Message-ID")


@dataclass(frozen=True)
class ReceivedEmail:
    """One mail, as the pages show it."""

    number: int
    headers: list[tuple[str, str]]
    text: str
    html: str

    @property
    def links(self) -> list[str]:
        """The web addresses in its text, each once."""
        return list(dict.fromkeys(link.rstrip(".,;:!?)") for link in LINK.findall(self.text)))

    def header(self, name: str) -> str:
        """A header's value, empty when there is none."""
        return dict(self.headers).get(name, "")


class Inbox:
    """A folder of mails, numbered from 1, of which the newest 200 are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._adding = threading.Lock()

    @classmethod
    def of(cls, config: Config) -> "Inbox":
        """The inbox of this instance."""
        return cls(config.instance / "inbox")

    def add(self, content: bytes) -> None:
        """Keep one mail. It appears whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Mails that arrive together must not take the same number.
        with self._adding:
            numbers = self.numbers()
            path = self._path(numbers[0] + 1 if numbers else 1)
            unfinished = path.with_suffix(".part")
            unfinished.write_bytes(content)
            unfinished.rename(path)
            for number in numbers[MAX_EMAILS - 1 :]:
                self._path(number).unlink(missing_ok=True)

    def numbers(self) -> list[int]:
        """The numbers of all mails, newest first."""
        return sorted((int(path.stem) for path in self.folder.glob("*.eml") if path.stem.isdecimal()), reverse=True)

    def mails(self) -> list[ReceivedEmail]:
        """All mails, newest first."""
        found = []
        for number in self.numbers():
            # The oldest may have made room for a new one by now.
            with suppress(NotFound):
                found.append(self.mail(number))
        return found

    def mail(self, number: int) -> ReceivedEmail:
        """One mail. Raises NotFound."""
        try:
            content = self._path(number).read_bytes()
        except OSError as error:  # a number may also be too long for the name of a file
            raise NotFound(f"mail {number}") from error
        message = message_from_bytes(content, EmailMessage, policy=default)
        headers = [(name, str(message[name])) for name in SHOWN if message[name] is not None]
        return ReceivedEmail(number, headers, _part(message, "plain"), _part(message, "html"))

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}.eml"


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    try:
        return str(part.get_content()) if part is not None else ""
    except LookupError:
        return _("This part of the email uses an unknown encoding.")
