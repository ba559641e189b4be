"""Every reply of the catalogue at every stage where it comes: a server says it, and its cause is found."""

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from flask import Flask

from tests.mail.conftest import settings_for, with_password
from tests.mail.replies.known import Known, load
from tests.support.certificates import Authority
from tests.support.scripted import ScriptedServer
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.mime import Email
from webapp.mail.replies.reading import read
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings

pytestmark = pytest.mark.one_database

# At which point of a conversation a stage is refused. What a server says of a token comes before its final reply.
POINTS = {
    "greeting": "GREETING", "ehlo": "EHLO", "tls": "STARTTLS", "auth": "AUTH PLAIN", "mail": "MAIL", "rcpt": "RCPT",
    "data": "END",
}  # fmt: skip
CATALOGUE = [one for one in load("catalogue") if not one.reply.startswith("334")]


def wire(reply: str) -> str:
    """Return a reply as it is sent, with its code on each line."""
    *others, last = reply[4:].split("\n")
    return "".join(f"{reply[:3]}-{line}⏎" for line in others) + f"{reply[:3]} {last}"


@pytest.fixture
def played(app: Flask, authority: Authority, message: Email) -> Callable[[str, Sequence[Known]], list[DeliveryError]]:
    """Have one server say these replies in turn, each to a message over a connection of its own; the failures."""

    def play(stage: str, known: Sequence[Known]) -> list[DeliveryError]:
        replies = [wire(one.reply) for one in known]
        # After 421 the client says no HELO.
        again = [one for one in replies if not one.startswith("421")]
        with ScriptedServer(
            {POINTS[stage]: replies, **({"HELO": again} if stage == "ehlo" else {})},
            tls="starttls" if stage == "tls" else None,
            certificate=authority.server() if stage == "tls" else None,
            mechanisms="PLAIN" if stage == "auth" else "",
        ) as server:
            settings = with_password(server, "hunter2-hunter2") if stage == "auth" else settings_for(server)
            if stage == "tls":
                settings = settings_for(server, security="starttls")
            with app.app_context():
                return [refusal(settings, message) for _one in known]

    return play


def refusal(settings: TransportSettings, message: Email) -> DeliveryError:
    """Send a message in vain."""
    with pytest.raises(DeliveryError) as caught, SmtpConnection(settings) as connection:
        connection.send(message)
    return caught.value


@pytest.mark.parametrize("stage", POINTS)
def test_each_reply_of_the_catalogue_has_its_cause(
    stage: str,
    played: Callable[[str, Sequence[Known]], list[DeliveryError]],
    app: Flask,
    record_property: Callable[[str, object], None],
) -> None:
    known = [one for one in CATALOGUE if one.stage == stage]
    failures = [error.failure for error in played(stage, known)]
    found = [read(one.stage, one.reply).cause for one in failures]
    pairs = Counter((one.cause, str(cause)) for one, cause in zip(known, found, strict=True))
    right = sum(number for (cause, detected), number in pairs.items() if cause == detected)
    rows = [f"{cause} → {detected}: {number}" for (cause, detected), number in sorted(pairs.items())]
    record_property("table", f"Catalogue at {stage}: {right} of {len(known)}. {', '.join(rows)}")
    assert [one.origin for one, cause in zip(known, found, strict=True) if cause != one.cause] == []
    with app.test_request_context():
        assert all(diagnose("custom", {}, one) for one in failures)
