"""Which mail server a message goes by: by its sender, its application, and what each server may send."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Enqueue, GetMessage
from tests.outbox.conftest import TroubleOf, UseServers
from tests.outbox.submissions.conftest import HandIn
from tests.support.applications import IDENTIFIER
from tests.support.scripted import ScriptedServer
from webapp.applications.models import Application
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import lanes, limits
from webapp.outbox.lanes import Bound
from webapp.outbox.models import MessageState

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]
SENT, QUEUED = MessageState.SENT, MessageState.QUEUED
REFUSES_SENDER = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"


@pytest.mark.parametrize("bound", [{"for_domains": ["Shop.Example"]}, {"for_applications": [IDENTIFIER]}])
def test_a_dedicated_server_takes_its_messages_and_no_others(
    bound: dict[str, Any], enqueue: Enqueue, hand_in: HandIn, deliver: Act, scripted: Scripted, use_servers: UseServers
) -> None:
    main, dedicated = scripted(), scripted()
    use_servers(main, dedicated, given=[{}, bound])
    for _ in range(2):
        enqueue()
        hand_in()
    deliver()
    assert ["Thank you" in one.decode() for one in main.messages] == [False, False]
    assert ["Thank you" in one.decode() for one in dedicated.messages] == [True, True]


def test_the_messages_of_a_dedicated_server_that_fails_go_by_the_general_ones(
    enqueue: Enqueue,
    hand_in: HandIn,
    deliver: Act,
    scripted: Scripted,
    use_servers: UseServers,
    trouble_of: TroubleOf,
) -> None:
    main = scripted()
    ids = use_servers(main, None, given=[{}, {"for_domains": ["shop.example"]}])
    enqueue()
    hand_in()
    deliver()
    assert len(main.messages) == 2
    assert [trouble_of(one) is None for one in ids] == [True, False]


def test_only_the_lane_waits_whose_servers_all_fail(
    enqueue: Enqueue,
    hand_in: HandIn,
    deliver: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_servers: UseServers,
) -> None:
    main = scripted(drop_at="RCPT", only_for="ada@")
    use_servers(main, None, given=[{}, {"for_domains": ["shop.example"]}])
    hand_in("ada@people.example")
    hand_in("ada@people.example")
    other = enqueue()
    deliver()
    assert [(get_message(one).state, get_message(one).waits_for_server) for one in (1, 2)] == [(QUEUED, True)] * 2
    assert get_message(other).state == SENT


def test_an_application_whose_sender_is_refused_has_no_server_paused(
    enqueue: Enqueue,
    hand_in: HandIn,
    deliver: Act,
    scripted: Scripted,
    use_servers: UseServers,
    trouble_of: TroubleOf,
) -> None:
    first, second = scripted({"MAIL": [REFUSES_SENDER, "250 Ok"]}), scripted()
    ids = use_servers(first, second)
    hand_in()
    enqueue()
    deliver()
    assert (len(first.messages), len(second.messages), trouble_of(ids[0])) == (1, 1, None)
    assert b"Thank you" in second.messages[0]


@pytest.mark.parametrize(("limit", "by_second"), [("limit_per_day", 1), ("limit_per_minute", 0)])
def test_a_server_that_has_sent_its_share_of_the_day_leaves_the_rest_to_the_next(
    limit: str,
    by_second: int,
    enqueue: Enqueue,
    deliver: Act,
    scripted: Scripted,
    use_servers: UseServers,
    database: Database,
) -> None:
    first, second = scripted(), scripted()
    use_servers(first, second, given=[{limit: 1}])
    enqueue()
    enqueue()
    deliver()
    assert (len(first.messages), len(second.messages)) == (1, by_second)
    with database.read() as session:
        reached = limits.limit_reached(session, clock.now())
    assert (reached is None) == bool(by_second)


@pytest.mark.one_database
def test_nothing_is_filtered_without_dedicated_servers(database: Database, shop: Application) -> None:
    with database.read() as session:
        (everything,) = lanes.arrange(session, [Bound(1, [], []), Bound(2, [], [])])
        of_deleted, general = lanes.arrange(session, [Bound(1, [], []), Bound(2, [], ["app_deleted"])])
    assert (everything.condition, everything.server_ids) == (None, (1, 2))
    assert (of_deleted.server_ids, general.server_ids) == ((2, 1), (1,))
