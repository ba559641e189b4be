"""What is logged about events, and in which format."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
import structlog

from tests.support.browser import Browser
from webapp.accounts import audit_events
from webapp.audit import service as audit
from webapp.core import logs
from webapp.core.actor import Actor
from webapp.core.config import Config
from webapp.core.database import Database

pytestmark = pytest.mark.one_database


def logged(caplog: pytest.LogCaptureFixture) -> dict[str, dict[str, Any]]:
    """Return the logged events by name."""
    return {record.msg["event"]: record.msg for record in caplog.records if isinstance(record.msg, dict)}


def test_an_event_names_the_administrator_who_caused_it(
    administrator: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    administrator.submit("/users/new", email="eve@people.example", name="Eve", send_activation="show")
    event = logged(caplog)["activation.link_shown"]
    assert event["by"] == administrator.user.id
    assert event["user"] != administrator.user.id


def test_events_of_a_visitor_do_not_name_the_previous_user(
    administrator: Browser, stranger: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    administrator.get("/")
    stranger.submit("/forgot-password", email="eve@people.example")
    event = logged(caplog)["reset.requested"]
    assert "by" not in event
    assert "people.example" not in repr(event)


def test_an_event_is_one_line_of_json_with_a_utc_time(capsys: pytest.CaptureFixture[str], config: Config) -> None:
    handlers = logging.getLogger().handlers[:]
    logs.configure(replace(config, log_format="json"))
    structlog.get_logger("test").info("typed", text='x"}\n{"event": "signed in"}\r\u2028\x1b[2J')
    logging.getLogger("a library").warning("said %s", "a\nb")
    logging.getLogger().handlers = handlers
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["typed", "said a\nb"]
    assert all(line["timestamp"].endswith("Z") for line in lines)


def test_an_event_about_many_people_is_a_short_line(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    people = [Actor(number, f"{number}@example.com") for number in (3, 1, 2, 9, 7, 6)]
    with database.transaction() as session:
        audit.record_all(session, audit_events.ROLE_CHANGED, people)
    assert logged(caplog)["user.role_changed"]["users"] == "1-3, 6-7, 9"


def test_what_fails_again_and_again_in_huey_is_logged_once_in_a_line(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = logging.getLogger().handlers[:]
    logs.configure(replace(config, log_format="json"))
    for name in ("huey.consumer.Worker", "huey.consumer.Scheduler"):
        for _ in range(3):
            try:
                raise ConnectionError("to a secret place")
            except ConnectionError:
                logging.getLogger(name).exception("Error reading from queue")
    logging.getLogger().handlers = handlers
    logged = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert logged == ["Error reading from queue ConnectionError"]
