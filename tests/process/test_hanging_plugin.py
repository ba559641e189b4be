"""A plugin whose code never returns, at a real worker."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Enqueue, GetMessage
from tests.support.running import running
from tests.support.scripted import ScriptedServer
from webapp.core.config import Config
from webapp.outbox.models import MessageState

pytestmark = pytest.mark.one_database

PLUGIN = """
import sys, time
from webapp.providers import Authentication, Provider, hookimpl

class Handler(Authentication):
    key, label = "handler", "Handler"

    def authenticate(self, dialogue, account):
        print("it hangs", file=sys.stderr, flush=True)
        while True:
            time.sleep(1)

@hookimpl
def register_smtp_provider():
    return Provider(key="acme", label="Acme", authentication=[Handler()], source="https://acme.example")
"""
# As the command, but a plugin gets only the time of the server's replies.
HASTY = (
    sys.executable,
    "-c",
    "from webapp.providers import guard; guard.SECONDS = 0; import webapp.cli as c; c.main()",
)


@pytest.fixture
def config_values(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "acme.py").write_text(PLUGIN)
    return {"plugin_dir": str(tmp_path / "plugins")}


def test_a_worker_stops_although_a_plugin_hangs_and_the_message_waits(
    config: Config, tmp_path: Path, enqueue: Enqueue, use_server: Callable[..., None], get_message: GetMessage
) -> None:
    environ = {
        "MAILROOM_DATABASE_URL": config.database_url,
        "MAILROOM_SECRET_KEY": config.secret_key,
        "MAILROOM_PLUGIN_DIR": str(tmp_path / "plugins"),
    }
    message_id = enqueue()
    with ScriptedServer() as server:
        use_server(server, provider="acme", authentication="handler", timeout=1)
        with running(tmp_path, "worker", environ=environ, command=HASTY) as worker:
            worker.wait_for("it hangs")
            assert worker.stop() == 0
    assert "nothing was returned within 3 s" in worker.errors
    message = get_message(message_id)
    assert (message.state, message.failure_code) == (MessageState.QUEUED, "plugin_failed")
