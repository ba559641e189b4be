"""Only the worker that holds the lease refreshes, even if a process dies with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from tests.mail.conftest import later
from tests.support.grants import GrantOwner
from webapp.core.app_state import AppState
from webapp.mail.grants import service as grants
from webapp.mail.models import Grant, GrantStatus
from webapp.mail.oauth.errors import GrantMissing, TokenRefused, Unanswered


def expire_lease(parts: AppState) -> None:
    """Let the lease expire. It is measured by the database's clock, which tests cannot change."""
    with parts.database.transaction() as session:
        session.execute(update(Grant).values(lease_expires_at=1))


def test_concurrent_threads_refresh_once(granted: GrantOwner) -> None:
    barrier, source = threading.Barrier(6), granted.tokens
    with later(hours=2):

        def get(_number: int) -> str:
            barrier.wait()
            return source.get().value

        with ThreadPoolExecutor(6) as pool:
            tokens = set(pool.map(get, range(6)))
    assert len(tokens) == 1
    assert granted.provider.asked == ["refresh_token"]


def test_a_rejected_token_is_refreshed_once_for_all_workers(granted: GrantOwner) -> None:
    source = granted.tokens
    rejected = source.get().value
    with ThreadPoolExecutor(4) as pool:
        tokens = set(pool.map(lambda _number: source.get(rejected).value, range(4)))
    assert len(tokens) == 1
    assert granted.provider.asked == ["refresh_token"]


def test_the_lease_of_a_killed_process_expires_and_the_old_token_is_tried_once(granted: GrantOwner) -> None:
    granted.provider.rotates = False  # like providers that accept an old token for a moment
    granted.provider.misbehave("stall")
    _kill_during_refresh(granted)
    assert granted.grant.lease_id != ""
    expire_lease(granted.parts)
    granted.tokens.refresh()
    grant = granted.grant
    assert (grant.status, grant.lease_id, grant.refresh_interrupted) == (GrantStatus.GENERATED, "", False)


def test_a_rotated_token_that_was_lost_is_reported_as_an_interrupted_refresh(granted: GrantOwner) -> None:
    granted.provider.misbehave("lose")
    with later(hours=1), pytest.raises(Unanswered):
        granted.tokens.get()
    assert granted.grant.refresh_interrupted
    with later(hours=2), pytest.raises(TokenRefused, match="invalid_grant"):
        granted.tokens.get()
    assert (granted.grant.status, granted.grant.failure_code) == (GrantStatus.ACTION_REQUIRED, "refresh_interrupted")


def test_a_refresh_uses_the_tokens_of_an_authorization_that_overtook_it(granted: GrantOwner) -> None:
    granted.provider.pause = 1
    with later(hours=2), ThreadPoolExecutor() as pool:
        renewed = pool.submit(granted.tokens.get)
        while not granted.provider.asked:
            time.sleep(0.01)
        granted.provider.pause = 0
        granted.authorize()
        assert renewed.result().value == granted.tokens.get().value


@pytest.mark.one_database
def test_waiting_for_a_refresh_ends_when_other_settings_are_saved(owner: GrantOwner) -> None:
    owner.save(authentication="client_credentials")
    with owner.parts.database.transaction() as session:
        session.execute(update(Grant).values(lease_id="somebody else's", lease_expires_at=2**40))
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(owner.tokens.get)
        time.sleep(0.3)
        owner.save(authentication="client_credentials", client_id="another")
        with pytest.raises(GrantMissing):
            waiting.result()
    assert (owner.provider.asked, owner.grant.status) == ([], GrantStatus.NONE)


def _start_refresh(parts: AppState) -> "subprocess.Popen[str]":
    """Start another process of this installation that refreshes the grant."""
    program = (
        "import sys; from webapp.core.config import Config; from webapp import create_app\n"
        "from webapp.mail import servers; from webapp.mail.grants import token_source\n"
        "from webapp.core.app_state import app_state\n"
        "app = create_app(Config.complete(database_url=sys.argv[1], instance=sys.argv[2], secret_key=sys.argv[3]))\n"
        "app.app_context().push(); parts = app_state()\n"
        "with parts.database.read() as session: server = servers.primary(session)\n"
        "source = token_source.for_server(server, parts)\n"
        "print(source.get(sys.argv[4]).value)"
    )
    with parts.database.read() as session:
        grant = session.query(Grant).one()
    refused = grants.open_token(grant, "sealed_access_token", parts.sealer)
    config = parts.config
    arguments = [config.database_url, str(config.instance), config.secret_key, refused]
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)


def _kill_during_refresh(granted: GrantOwner) -> None:
    process = _start_refresh(granted.parts)
    while not granted.grant.lease_id:
        assert process.poll() is None
    granted.provider.reached.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
