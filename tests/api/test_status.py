"""`GET /status`."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Program
from tests.support.inbox import Inbox

pytestmark = pytest.mark.one_database


def test_it_tells_whether_email_flows(shop: Program, inbox: Inbox, deliver: Callable[[], None]) -> None:
    shop.submit()
    assert shop.get("/status").json["waiting"] == 1  # type: ignore[index]
    deliver()
    found: Any = shop.get("/status").json
    assert (found["state"], found["waiting"], found["since"], found["cause"]) == ("flowing", 0, None, None)


def test_it_tells_since_when_and_why_nothing_goes_out(
    shop: Program, use_server: Callable[..., None], deliver: Callable[[], None]
) -> None:
    use_server()
    for person in ("ada", "max"):
        shop.submit(to=f"{person}@people.example")
        deliver()
    found: Any = shop.get("/status", headers={"Accept-Language": "de"}).json
    assert (found["state"], found["waiting"], found["cause"]["stage"]) == ("stopped", 2, "connect")
    assert found["since"].endswith("Z")
    assert "refused" in found["cause"]["text"]
