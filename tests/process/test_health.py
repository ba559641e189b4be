"""What `/readyz` tells load balancers and monitoring programs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from tests.conftest import Enqueue
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from webapp.core import clock

Act = Callable[[], None]
TOKEN = "a-token-of-prometheus"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def config_values() -> dict[str, Any]:
    """A metrics token."""
    return {"metrics_token": TOKEN}


def test_it_tells_strangers_only_whether_mail_flows(
    stranger: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act
) -> None:
    enqueue()
    deliver()
    assert stranger.get("/readyz").json == {"status": "ok", "mail": {"state": "flowing"}}
    inbox.password = "changed"
    enqueue()
    deliver()
    answer = stranger.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "mail": {"state": "stopped"}})


def test_it_tells_those_with_the_token_since_when_and_why(
    stranger: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act
) -> None:
    inbox.password = "changed"
    with time_machine.travel(clock.now() - timedelta(minutes=3)):
        enqueue()
        deliver()
    mail = (stranger.get("/readyz", headers=WITH_TOKEN).json or {})["mail"]
    assert 180 <= mail.pop("oldest_seconds") < 240
    assert mail.pop("since").endswith("Z")
    code = mail["cause"].pop("code")
    assert (mail, type(code)) == ({"state": "stopped", "cause": {"stage": "auth"}, "waiting": 1, "workers": 0}, str)


@pytest.mark.one_database
def test_it_tells_that_no_mail_server_is_set_up_and_that_no_worker_runs(
    stranger: Browser, enqueue: Enqueue, request: pytest.FixtureRequest
) -> None:
    assert stranger.get("/readyz").json == {"status": "ok", "mail": {"state": "not_set_up"}}
    request.getfixturevalue("inbox")
    enqueue()
    with time_machine.travel(clock.now() + timedelta(minutes=6)):
        assert stranger.get("/readyz").json == {"status": "ok", "mail": {"state": "no_worker"}}
