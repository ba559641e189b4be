"""How many requests an application may send, and what its headers tell."""

import re
from datetime import timedelta

import pytest

from tests.api.conftest import Program
from webapp.api import limits
from webapp.core.rate_limits import Limit

pytestmark = pytest.mark.one_database


def left(program: Program, path: str) -> int:
    found = re.fullmatch(r'"requests";r=(\d+);t=\d+', program.get(path).headers["RateLimit"])
    assert found
    return int(found[1])


def test_every_request_counts_whatever_becomes_of_it(
    shop: Program, other: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Refilled so slowly that time doesn't matter.
    monkeypatch.setattr(limits, "REQUESTS", Limit("slow api requests", 1200, timedelta(days=1)))
    assert shop.get("/status").headers["RateLimit-Policy"] == '"requests";q=1200;w=60'
    before = left(shop, "/status")
    assert shop.submit(subject=7).status_code == 422
    assert shop.submit(**{"from": "eve@evil.example"}).status_code == 403
    assert shop.get("/messages/msg_made_up").status_code == 404
    assert before - left(shop, "/status") == 4
    assert left(other, "/status") == 1199


def test_too_many_requests_are_refused_until_there_is_time(
    shop: Program, other: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REQUESTS", Limit("few api requests", 2, timedelta(minutes=1)))
    answers = [shop.submit(), shop.get("/status"), shop.submit(), shop.get("/status")]
    assert [answer.status_code for answer in answers] == [202, 200, 429, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 30
    assert answers[-1].json["type"] == "about:blank"  # type: ignore[index]
    assert other.get("/status").status_code == 200
