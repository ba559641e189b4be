"""What the DNS says about the sender, in `mailroom doctor`."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.support.dns_server import NameServer
from tests.support.inbox import Inbox

pytestmark = pytest.mark.one_database


@pytest.fixture
def config_values() -> Iterator[dict[str, Any]]:
    """Ask a name server that knows the sender's domain, which has no records for email."""
    with NameServer({"mailroom.example": {"A": ["93.184.215.5"]}}) as server:
        yield {"name_servers": server.setting}


def test_the_doctor_adds_the_records_to_publish_if_asked(mailroom: Command, inbox: Inbox) -> None:
    data = mailroom.json("doctor", "--deliverability")
    assert data["ok"]
    found = {finding["subject"]: finding for finding in data["deliverability"]}
    assert (found["mx"]["level"], found["dmarc"]["level"]) == ("warning", "warning")
    text = mailroom("doctor", "--deliverability").stdout
    assert "  publish: _dmarc.mailroom.example TXT v=DMARC1; p=none" in text
    assert "deliverability" not in mailroom.json("doctor")
