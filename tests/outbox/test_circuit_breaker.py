"""Mail servers that fail: they are left alone for a while, probed, and used again when they work."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Enqueue, GetMessage
from tests.outbox.conftest import TroubleOf, UseServers
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.mail.signals import mail_server_saved, mail_server_works
from webapp.outbox import circuit_breaker, probes
from webapp.outbox.connection import Connections
from webapp.outbox.delivery import deliver_due
from webapp.outbox.models import MessageState, ServerTrouble
from webapp.providers import Failure

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]


@pytest.fixture
def probe(state: AppState) -> Act:
    """Connect to the servers in trouble whose pause is over."""

    def probe_now() -> None:
        with Connections(state) as connections:
            probes.probe_all(state, connections, clock.now())

    return probe_now


def test_a_server_that_lets_us_in_again_is_used_again(
    enqueue: Enqueue,
    deliver: Act,
    probe: Act,
    end_pauses: Act,
    scripted: Scripted,
    use_servers: UseServers,
    trouble_of: TroubleOf,
) -> None:
    first, second = scripted({"GREETING": ["421 Come back later", "421 Not yet", "220 Here I am"]}), scripted()
    first_id, _second_id = use_servers(first, second)
    enqueue()
    deliver()
    probe()
    assert first.connections == 1, "it was asked before its pause was over"
    for _ in range(2):
        end_pauses()
        probe()
    assert (first.connections, trouble_of(first_id)) == (3, None)
    enqueue()
    deliver()
    assert (len(first.messages), len(second.messages)) == (1, 1)


@pytest.mark.one_database
def test_a_connection_from_before_the_trouble_does_not_show_that_it_is_over(
    enqueue: Enqueue, app: Flask, state: AppState, scripted: Scripted, use_servers: UseServers, trouble_of: TroubleOf
) -> None:
    first = scripted()
    first_id, _second_id = use_servers(first, scripted())
    enqueue()
    with Connections(state) as kept:
        deliver_due(app, connections=kept)
        first.close()
        with state.database.transaction() as session:
            circuit_breaker.failed(session, first_id, Failure("connect", "connection_refused"), clock.now())
            circuit_breaker.try_now(session, clock.now())
        probes.probe_all(state, kept, clock.now())
    trouble = trouble_of(first_id)
    assert trouble is not None
    assert trouble.failures == 2


@pytest.mark.one_database
def test_a_server_that_became_a_draft_is_not_probed(
    enqueue: Enqueue, deliver: Act, probe: Act, end_pauses: Act, use_servers: UseServers, database: Database
) -> None:
    first_id, second_id = use_servers(None, None)
    enqueue()
    deliver()
    with database.transaction() as session:
        session.get_one(MailServer, second_id).position = None
    end_pauses()
    probe()
    with database.read() as session:
        failures = [session.get_one(ServerTrouble, one).failures for one in (first_id, second_id)]
        assert failures == [2, 1]


def test_a_server_that_failed_at_a_message_is_tried_with_one_after_its_pause(
    enqueue: Enqueue,
    deliver: Act,
    probe: Act,
    end_pauses: Act,
    scripted: Scripted,
    use_servers: UseServers,
    trouble_of: TroubleOf,
    get_message: GetMessage,
) -> None:
    refusal = "550 5.7.60 Client does not have permissions to send as this sender"
    first, second = scripted({"MAIL": [refusal, refusal, "250 Ok"]}), scripted()
    first_id, _second_id = use_servers(first, second)
    ids = []
    for failures in (1, 2):
        ids += [enqueue(), enqueue()]
        deliver()
        trouble = trouble_of(first_id)
        assert trouble is not None
        assert (trouble.failures, trouble.announced_at is None) == (failures, failures == 1)
        end_pauses()
        # Connecting to it shows nothing.
        probe()
        assert trouble_of(first_id) is not None
    ids.append(enqueue())
    deliver()
    assert {get_message(one).state for one in ids} == {MessageState.SENT}
    assert (trouble_of(first_id), len(first.messages), len(second.messages)) == (None, 1, 4)


@pytest.mark.one_database
def test_a_server_that_goes_up_and_down_is_announced_three_times_an_hour(
    database: Database, use_servers: UseServers, end_pauses: Act, trouble_of: TroubleOf
) -> None:
    server_id, _sender = use_servers(None, None)
    announced = []
    for _ in range(circuit_breaker.ANNOUNCEMENTS.times + 1):
        with database.transaction() as session:
            circuit_breaker.well(session, server_id, clock.now())
        for _failure in range(circuit_breaker.ANNOUNCED_AFTER):
            end_pauses()
            with database.transaction() as session:
                circuit_breaker.failed(session, server_id, Failure("data", "connection_closed"), clock.now())
        trouble = trouble_of(server_id)
        announced.append(trouble is not None and trouble.announced_at is not None)
    assert announced == [*[True] * circuit_breaker.ANNOUNCEMENTS.times, False]


@pytest.mark.one_database
def test_a_test_email_through_a_server_ends_its_trouble_and_saving_has_the_others_tried_at_once(
    enqueue: Enqueue, deliver: Act, use_servers: UseServers, trouble_of: TroubleOf, database: Database
) -> None:
    ids = use_servers(None, None)
    enqueue()
    deliver()
    with database.transaction() as session:
        mail_server_works.send(session=session, server=session.get_one(MailServer, ids[0]))
        mail_server_saved.send(session=session)
    left = trouble_of(ids[1])
    assert (trouble_of(ids[0]), left is not None and left.retry_at <= clock.now()) == (None, True)


@pytest.mark.one_database
def test_one_server_alone_is_never_paused(
    enqueue: Enqueue, deliver: Act, scripted: Scripted, use_servers: UseServers, trouble_of: TroubleOf, app: Flask
) -> None:
    (only,) = use_servers(scripted(drop_at="EHLO"))
    enqueue()
    deliver()
    assert trouble_of(only) is None
