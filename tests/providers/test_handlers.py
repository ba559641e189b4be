"""Plugins whose authentication refuses, fails or never returns: named to people, and never in anyone's way for long."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.browser import Browser
from tests.support.inbox import SENDER
from tests.support.running import until
from tests.support.scripted import ScriptedServer
from webapp.providers import guard

pytestmark = pytest.mark.one_database

PAGE = "/settings/mail"
PLUGIN = """
import threading

from webapp.providers import Authentication, Connection, Diagnosis, DiagnosisRule, Provider, hookimpl

released = threading.Event()

class Handler(Authentication):
    key, label, fields = "handler", "Handler", ("username", "password")

    def authenticate(self, dialogue, account):
        {body}
        dialogue.authenticate("PLAIN", f"\\0{{account.username}}\\0{{account.password}}".encode())

@hookimpl
def register_smtp_provider():
    known = DiagnosisRule("", Diagnosis("The key belongs to another region."), code="other_region")
    return Provider(key="{key}", label="Acme Mail", authentication=[Handler()], diagnosis_rules=[known],
                    connection=Connection("smtp.acme.example"), source="https://acme.example")
"""
PASSWORD = "geheim-geheim"


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """The provider's key, another one in each test: a plugin that hangs isn't called again."""
    return "acme-" + "".join(c for c in request.node.name.lower() if c.isalnum())[-50:]


@pytest.fixture
def config_values(body: str, key: str, tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "acme.py").write_text(PLUGIN.format(body=body, key=key))
    return {"plugin_dir": str(folder)}


@pytest.fixture
def test_send(administrator: Browser, key: str) -> Callable[[ScriptedServer], str]:
    """Press “Send test email” and return the text of the page."""

    def test_send(server: ScriptedServer) -> str:
        page = administrator.submit(PAGE, "choose", provider=key)
        entered = {"username": "ada", "password": PASSWORD, "mail_from": SENDER, "timeout": 1}
        where = {"host": server.host, "port": server.port}
        return administrator.submit_on(
            page, "test", provider=key, test_recipient="e@acme.example", **entered, **where
        ).text

    return test_send


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("dialogue.refuse('The key has no region.')", "The provider&#39;s plugin says: The key has no region."),
        ("dialogue.refuse('no_region', error='Choose a region.')", "The provider&#39;s plugin says: Choose a region."),
        ("dialogue.refuse('other_region')", "The key belongs to another region."),
        ("raise dialogue.refuse('The key has no region.')", "The provider&#39;s plugin says: The key has no region."),
        (
            "try: dialogue.refuse('The key has no region.')\n        except Exception: pass",
            "The provider&#39;s plugin says: The key has no region.",
        ),
        (
            "try: dialogue.refuse('The key has no region.')\n        finally: return",
            "The provider&#39;s plugin says: The key has no region.",
        ),
    ],
)
def test_a_handler_that_refuses_sends_nothing_and_is_quoted(
    body: str, words: str, test_send: Callable[[ScriptedServer], str], scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted(tls="starttls")
    assert words in test_send(server)
    assert "AUTH" not in server.commands


@pytest.mark.parametrize("body", ["raise SystemExit", "raise KeyboardInterrupt", "open('/nowhere/key.pem')"])
def test_a_handler_that_fails_is_named_and_logged_once(
    body: str, test_send: Callable[[ScriptedServer], str], scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted(tls="starttls")
    with capture_logs() as logged:
        for _ in range(2):
            assert "The plugin for Acme Mail failed" in test_send(server).replace("\u2068", "").replace("\u2069", "")
    assert ["Traceback" in entry.get("exception", "") for entry in logged if "plugin" in entry] == [True, False]


@pytest.mark.parametrize("body", ["while not released.is_set(): pass"])
def test_a_handler_that_hangs_is_given_up_and_can_send_nothing_later(
    body: str,
    test_send: Callable[[ScriptedServer], str],
    scripted: Callable[..., ScriptedServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0)
    server = scripted(tls="starttls")
    with capture_logs() as logged:
        assert "nothing was returned within 3 s" in test_send(server)
    assert "acme.py" in next(entry for entry in logged if "plugin" in entry)["exception"]
    assert "an earlier call still hasn&#39;t returned" in test_send(server)
    sys.modules["mailroom_plugin_acme"].released.set()
    until(lambda: not any(thread.name == "plugin" for thread in threading.enumerate()))
    assert "AUTH" not in server.commands
