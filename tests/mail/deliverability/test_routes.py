"""The page of the deliverability check."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from tests.support.browser import Browser
from tests.support.dns_server import NameServer
from tests.support.inbox import Inbox
from webapp.core.database import Database
from webapp.mail.models import MailServer

pytestmark = pytest.mark.one_database


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    """The DNS, in which the sender's domain has an SPF record that lets another server send."""
    zones = {
        "mailroom.example": {"TXT": ["v=spf1 mx -all"], "MX": ["10 mx.mailroom.example"]},
        "mx.mailroom.example": {"A": ["93.184.215.7"]},
        "mail.mailroom.example": {"A": ["93.184.215.9"]},
    }
    with NameServer(zones) as server:
        yield server


@pytest.fixture
def config_values(name_server: NameServer) -> dict[str, Any]:
    """Ask that name server."""
    return {"name_servers": name_server.setting}


def test_the_page_shows_what_was_found_and_what_to_publish(
    administrator: Browser, inbox: Inbox, database: Database
) -> None:
    with database.transaction() as session:
        server = session.scalars(select(MailServer)).one()
        server.host, server_id = "mail.mailroom.example", server.id
    page = administrator.get("/settings/mail/deliverability").text
    assert 'value="v=spf1 mx a:mail.mailroom.example -all"' in page
    assert "It replaces the current SPF record" in page
    assert "_dmarc.mailroom.example" in page
    assert "Check again" in administrator.get(f"/settings/mail/{server_id}/deliverability").text
    assert f"/settings/mail/{server_id}/deliverability" in administrator.get("/settings/mail").text


def test_without_a_mail_server_there_is_nothing_to_check(administrator: Browser, name_server: NameServer) -> None:
    assert "Choose a provider" in administrator.get("/settings/mail/deliverability").text
    assert administrator.get("/settings/mail/7/deliverability").status_code == 404
    assert name_server.asked == []
