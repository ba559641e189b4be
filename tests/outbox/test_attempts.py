"""The rows about attempts, and what is counted."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select

from tests.conftest import Enqueue
from tests.support.scripted import ScriptedServer
from webapp.core import clock, counts
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.outbox import claims, statistics
from webapp.outbox.attempts import Sent, SentMarks, Started
from webapp.outbox.models import Attempt, AttemptResult, Message

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]
UseServer = Callable[..., None]


def attempts(database: Database) -> list[Attempt]:
    with database.read() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.id)))


def totals(database: Database, measure: str) -> dict[tuple[str, str], float]:
    with database.read() as session:
        found = counts.totals(session, measure)
    return {(one.subject, one.detail): total for one, total in found.items()}


def test_a_sent_message_has_an_attempt_with_the_reply_and_the_message_id(
    enqueue: Enqueue, deliver: Act, scripted: Scripted, use_server: UseServer, database: Database
) -> None:
    server = scripted({"END": "250 2.0.0 Ok: queued as 4FZk5c"})
    use_server(server)
    message_id = enqueue()
    deliver()
    [sent] = attempts(database)
    with database.read() as session:
        server_id = session.scalar(select(MailServer.id))
    assert (sent.message_id, sent.number, sent.mail_server_id) == (message_id, 1, server_id)
    assert (sent.result, sent.reply, sent.host) == ("sent", "250 2.0.0 Ok: queued as 4FZk5c", "127.0.0.1")
    assert f"Message-ID: {sent.header_id}".encode() in server.messages[0]
    assert 0 < sent.seconds < 5
    assert abs((clock.now() - sent.started_at).total_seconds()) < 5


def test_only_the_last_failure_has_a_transcript(
    enqueue_reset: Callable[[], int], deliver: Act, make_due: Act, scripted: Scripted, use_server: UseServer,
    database: Database,
) -> None:  # fmt: skip
    use_server(scripted({"END": ["451 4.3.0 Try later", "451 4.3.0 Later still"]}))
    enqueue_reset()
    for _attempt in range(2):
        deliver()
        make_due()
    first, second = attempts(database)
    assert (first.result, first.stage, first.reply, first.number) == ("failed", "data", "451 4.3.0 Try later", 1)
    assert (first.transcript, second.number) == ("", 2)
    assert "RCPT TO:<eve@people.example>" in second.transcript


def test_an_attempt_without_a_server_says_why(enqueue: Enqueue, deliver: Act, database: Database) -> None:
    enqueue()
    deliver()
    [failed] = attempts(database)
    assert (failed.stage, failed.code, failed.mail_server_id) == ("settings", "no_mail_server", None)


def test_a_lost_reply_is_an_uncertain_attempt(
    enqueue: Enqueue, deliver: Act, scripted: Scripted, use_server: UseServer, database: Database
) -> None:
    use_server(scripted(drop_at="END"))
    enqueue()
    deliver()
    assert [one.result for one in attempts(database)] == [AttemptResult.UNCERTAIN]


def test_deliveries_are_counted_by_result_kind_and_latency(
    enqueue: Enqueue, deliver: Act, scripted: Scripted, use_server: UseServer, database: Database
) -> None:
    use_server(scripted({"RCPT": ["550 5.1.1 No such user", "250 Ok"]}))
    for _message in range(4):
        enqueue()
    deliver()
    assert totals(database, "attempts") == {("failed", "rcpt"): 1, ("sent", ""): 3}
    assert totals(database, "finished") == {("activated", "failed"): 1, ("activated", "sent"): 3}
    assert sum(totals(database, "latency").values()) == 3
    assert 0 < totals(database, "latency_sum")["", ""] < 60


@pytest.mark.parametrize(("seconds", "label"), [(0.0, "0.1"), (0.1, "0.1"), (0.2, "0.5"), (61, "300"), (9999, "inf")])
def test_a_latency_is_counted_under_its_upper_bound(seconds: float, label: str) -> None:
    assert statistics.latency_label(seconds) == label


def test_a_message_that_was_deleted_while_it_was_sent_is_no_error(enqueue: Enqueue, database: Database) -> None:
    enqueue()
    with database.transaction() as session:
        [claimed] = claims.claim(session, clock.now(), 1, "worker/1")
        session.execute(delete(Message))
    started = Started(claimed.id, 1, None, "custom", "mail.example", clock.now())
    with SentMarks(database) as marks:
        marks.add(
            Sent(started, 0.1, "250 Ok", "<1@mailroom.example>", claimed.kind, claimed.created_at, claimed.due_at)
        )
    assert attempts(database) == []
