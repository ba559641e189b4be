"""docs/webhooks.md: its list of events, and its example of a receiver."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.receiver import Receiver
from webapp.webhooks import registry
from webapp.webhooks.testing import TEST

DOCUMENT = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()

pytestmark = pytest.mark.one_database


def test_it_lists_every_event(app: Flask, app_context: None) -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`(\w+\.\w+)`", row.split("|")[1])}
    assert listed == {*registry.event_types(), TEST.name}


def test_its_example_verifies_events(
    receiver: Receiver, secret: str, enqueue: Callable[[str], None], deliver: Callable[[], None]
) -> None:
    enqueue("test.happened")
    deliver()
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)[0], names)
    (request,) = receiver.received
    assert names["verify"](secret, request.headers, request.body)
    assert not names["verify"](secret, request.headers, request.body + b" ")
    assert not names["verify"](secret, {**request.headers, "webhook-timestamp": "1764500000"}, request.body)
