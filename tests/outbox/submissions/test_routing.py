"""Which mail server a message goes by: by its sender, its application, and what each server may send."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Enqueue, GetMessage
from tests.outbox.conftest import TroubleOf, UseServers
from tests.outbox.submissions.conftest import HandIn
from tests.support.applications import IDENTIFIER
from tests.support.scripted import ScriptedServer
from webapp.applications.models import Application
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import limits, routing
from webapp.outbox.delivery import deliver_due
from webapp.outbox.models import MessageState
from webapp.outbox.routing import Binding
from webapp.outbox.status import Flow, delivery_status

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


@pytest.mark.parametrize("bound", [{"for_domains": ["shop.example"]}, {"for_applications": [IDENTIFIER]}])
def test_another_server_that_is_bound_to_the_same_takes_what_the_first_cannot_send(
    bound: dict[str, Any], enqueue: Enqueue, hand_in: HandIn, deliver: Act, scripted: Scripted, use_servers: UseServers
) -> None:
    main, second = scripted(), scripted()
    use_servers(main, None, second, given=[{}, {"for_domains": ["shop.example", "sale.example"]}, bound])
    enqueue()
    hand_in()
    deliver()
    assert ["Thank you" in one.decode() for one in (*main.messages, *second.messages)] == [False, True]


def test_mail_has_not_stopped_while_only_a_dedicated_server_has_messages_that_wait(
    enqueue: Enqueue,
    hand_in: HandIn,
    deliver: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_servers: UseServers,
    database: Database,
) -> None:
    main = scripted(drop_at="RCPT", only_for="ada@")
    use_servers(main, None, given=[{}, {"for_domains": ["shop.example"]}])
    hand_in("ada@people.example")
    hand_in("ada@elsewhere.example")
    other = enqueue()
    deliver()
    assert [get_message(one).state for one in (1, 2, other)] == [QUEUED, QUEUED, SENT]
    with database.read() as session:
        assert delivery_status(session, clock.now()).flow is Flow.UNCONFIRMED


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
        (everything,) = routing.routes_by(session, [Binding(1, [], []), Binding(2, [], [])])
        (general,) = routing.routes_by(session, [Binding(1, [], []), Binding(2, [], ["app_deleted"])])
    assert (everything.conditions, everything.server_ids) == ((), (1, 2))
    assert general.server_ids == (1,)


@pytest.mark.one_database
def test_servers_that_are_bound_to_the_same_stand_in_for_each_other_in_their_order(
    database: Database, shop: Application
) -> None:
    bindings = [
        Binding(1, [], []),
        Binding(2, ["shop.example", "sale.example"], []),
        Binding(3, ["shop.example"], []),
        Binding(4, [], [IDENTIFIER]),
    ]
    with database.read() as session:
        routes = routing.routes_by(session, bindings)
    orders = [(2, 3, 4, 1), (2, 3, 1), (2, 4, 1), (2, 1), (4, 1), (1,)]
    assert sorted(one.server_ids for one in routes) == sorted(orders)


@pytest.mark.one_database
def test_a_general_server_that_works_again_has_the_messages_of_dedicated_ones_sent_too(
    enqueue: Enqueue,
    hand_in: HandIn,
    deliver: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_servers: UseServers,
    database: Database,
) -> None:
    main = scripted({"GREETING": ["421 Later", "220 Here I am"]})
    use_servers(main, None, given=[{}, {"for_domains": ["shop.example"]}])
    hand_in()
    enqueue()
    deliver()
    assert [get_message(one).state for one in (1, 2)] == [SENT, SENT]
    with database.read() as session:
        assert delivery_status(session, clock.now()).flow is Flow.FLOWING


@pytest.mark.one_database
def test_a_route_whose_servers_failed_is_tried_again_by_a_run_that_goes_on_with_others(
    enqueue: Enqueue,
    hand_in: HandIn,
    app: Flask,
    make_due: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_servers: UseServers,
) -> None:
    main, dedicated = scripted({"GREETING": ["421 Later", "220 Here I am"]}), scripted()
    use_servers(main, dedicated, given=[{}, {"for_domains": ["shop.example"]}])
    hand_in()
    message_id = enqueue()

    def make_due_meanwhile() -> bool:
        if dedicated.messages:
            make_due()
        return False

    deliver_due(app, stopping=make_due_meanwhile)
    assert get_message(message_id).state == SENT
