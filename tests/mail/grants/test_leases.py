"""Only the worker that holds the lease refreshes, even if a process dies with it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from tests.mail.conftest import later
from tests.support.grants import GrantOwner
from webapp.mail.grants.token_source import GrantTokens
from webapp.mail.models import Grant, GrantStatus
from webapp.mail.oauth.errors import GrantMissing, TokenRefused, Unanswered


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


def replaced(source: GrantTokens, rejected: str) -> str:
    """Return the token that a worker uses after one that the mail server rejected."""
    source.discard(rejected)
    return source.get().value


def test_a_rejected_token_is_refreshed_once_for_all_workers(granted: GrantOwner) -> None:
    source = granted.tokens
    rejected = source.get().value
    with ThreadPoolExecutor(4) as pool:
        tokens = set(pool.map(lambda _number: replaced(source, rejected), range(4)))
    assert len(tokens) == 1
    assert granted.provider.asked == ["refresh_token"]


def test_the_lease_of_a_dead_process_expires_and_the_old_token_is_tried_once(granted: GrantOwner) -> None:
    granted.provider.rotates = False  # like providers that accept an old token for a moment
    with granted.state.database.transaction() as session:
        session.execute(update(Grant).values(lease_id="of a dead process", lease_expires_at=1))
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
    with owner.state.database.transaction() as session:
        session.execute(update(Grant).values(lease_id="somebody else's", lease_expires_at=2**40))
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(owner.tokens.get)
        time.sleep(0.3)
        owner.save(authentication="client_credentials", client_id="another")
        with pytest.raises(GrantMissing):
            waiting.result()
    assert (owner.provider.asked, owner.grant.status) == ([], GrantStatus.NONE)
