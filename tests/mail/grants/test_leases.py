"""Whoever renews holds the lease: one thread of one process, also when one dies with it."""

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


def lapse_lease(parts: AppState) -> None:
    """Let the time of the lease pass: the database's own clock stands on none of ours."""
    with parts.database.transaction() as session:
        session.execute(update(Grant).values(lease_expires_at=1))


def test_threads_at_once_renew_once(granted: GrantOwner) -> None:
    barrier, source = threading.Barrier(6), granted.tokens
    with later(hours=2):

        def get(_number: int) -> str:
            barrier.wait()
            return source.get().value

        with ThreadPoolExecutor(6) as pool:
            tokens = set(pool.map(get, range(6)))
    assert len(tokens) == 1
    assert granted.provider.asked == ["refresh_token"]


def test_a_refused_token_is_renewed_once_for_all_who_had_it(granted: GrantOwner) -> None:
    source = granted.tokens
    rejected = source.get().value
    with ThreadPoolExecutor(4) as pool:
        tokens = set(pool.map(lambda _number: source.get(rejected).value, range(4)))
    assert len(tokens) == 1
    assert granted.provider.asked == ["refresh_token"]


def test_processes_at_once_renew_once(granted: GrantOwner) -> None:
    granted.provider.pause = 2
    programs = [_renewing(granted.parts) for _ in range(2)]
    outputs = [program.communicate(timeout=60)[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert len(set(outputs)) == 1
    assert granted.provider.asked == ["refresh_token"]
    assert granted.provider.reuses == 0


def test_a_lease_whose_holder_was_killed_lapses_and_the_former_token_is_tried_once(granted: GrantOwner) -> None:
    granted.provider.rotates = False  # as those do that give a moment's grace
    granted.provider.misbehave("stall")
    _killed_while_it_asks(granted)
    assert granted.grant.lease_id != ""
    lapse_lease(granted.parts)
    granted.tokens.refresh()
    grant = granted.grant
    assert (grant.status, grant.lease_id, grant.refresh_interrupted) == (GrantStatus.GENERATED, "", False)


def test_a_rotated_token_that_was_lost_in_a_crash_is_said_in_words(granted: GrantOwner) -> None:
    granted.provider.misbehave("lose")
    with later(hours=1), pytest.raises(Unanswered):
        granted.tokens.get()
    assert granted.grant.refresh_interrupted
    with later(hours=2), pytest.raises(TokenRefused, match="invalid_grant"):
        granted.tokens.get()
    assert (granted.grant.status, granted.grant.failure_code) == (GrantStatus.ACTION_REQUIRED, "refresh_interrupted")


def test_a_renewal_that_a_new_sign_in_overtakes_uses_what_that_brought(granted: GrantOwner) -> None:
    granted.provider.pause = 1
    with later(hours=2), ThreadPoolExecutor() as pool:
        renewed = pool.submit(granted.tokens.get)
        while not granted.provider.asked:
            time.sleep(0.01)
        granted.provider.pause = 0
        granted.sign_in()
        assert renewed.result().value == granted.tokens.get().value


@pytest.mark.one_database
def test_who_waits_for_a_renewal_leaves_the_grant_of_other_settings_alone(owner: GrantOwner) -> None:
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


def _renewing(parts: AppState) -> "subprocess.Popen[str]":
    """Another process of this installation, which renews the grant."""
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


def _killed_while_it_asks(granted: GrantOwner) -> None:
    process = _renewing(granted.parts)
    while not granted.grant.lease_id:
        assert process.poll() is None
    granted.provider.reached.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
