"""Headers that a provider adds to each message."""

import email
import json
from collections.abc import Callable

import pytest

from tests.conftest import Enqueue
from tests.mail.page import PAGE
from tests.providers.conftest import Load, good
from tests.support.browser import Browser
from tests.support.inbox import SENDER
from tests.support.scripted import ScriptedServer
from webapp.providers.registry import InvalidPlugin

Scripted = Callable[..., ScriptedServer]


def switched_off(server: ScriptedServer) -> dict[str, int]:
    """Return what the header of SendGrid's in the only message sets."""
    (message,) = server.messages
    assert max(map(len, message.split(b"\r\n"))) < 998
    header = email.message_from_bytes(message)["X-SMTPAPI"]
    return {name: given["settings"]["enable"] for name, given in json.loads(header)["filters"].items()}


@pytest.mark.one_database
def test_sendgrid_is_told_not_to_track_a_queued_message(
    scripted: Scripted, use_server: Callable[..., None], enqueue: Enqueue, deliver: Callable[[], None]
) -> None:
    server = scripted()
    use_server(server, provider="sendgrid")
    enqueue()
    deliver()
    assert switched_off(server) == {"clicktrack": 0, "ganalytics": 0, "opentrack": 0, "subscriptiontrack": 0}


@pytest.mark.one_database
def test_sendgrid_is_told_not_to_track_a_test(scripted: Scripted, administrator: Browser) -> None:
    server = scripted(tls="starttls")
    page = administrator.submit(PAGE, "choose", provider="sendgrid")
    where = {"host": server.host, "port": server.port, "mail_from": SENDER, "password": "SG.secret"}
    administrator.submit_on(page, "test", provider="sendgrid", test_recipient="eve@example.org", **where)
    assert switched_off(server)["clicktrack"] == 0


@pytest.mark.parametrize("name", ["from", "TO", "Content-Type", "Resent-To", "Message-ID", "X Tag", "X-Täg", "", "X:Y"])
def test_a_header_that_mailroom_writes_or_that_is_none_is_refused(name: str, load: Load) -> None:
    with pytest.raises(InvalidPlugin, match="a key of headers is"):
        load(acme=good("acme", f"headers={{{name!r}: 'x'}}"))


@pytest.mark.parametrize("value", ["", "a\nb", "a\r\nBcc: eve@example.org", "é", "x" * 71, "y " * 500, 1])
def test_a_value_that_is_no_line_of_ascii_is_refused(value: object, load: Load) -> None:
    with pytest.raises(InvalidPlugin, match=r"headers\['X-Tag'\] is"):
        load(acme=good("acme", f"headers={{'X-Tag': {value!r}}}"))
