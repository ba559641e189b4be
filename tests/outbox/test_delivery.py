"""What becomes of a message: sent, tried again, failed, expired, dropped."""

import re
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import Enqueue, GetMessage
from tests.support.inbox import Inbox
from tests.support.people import add_person
from tests.support.scripted import ScriptedServer
from webapp.accounts.models import UserState
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.outbox import delivery, service
from webapp.outbox.models import MessageState
from webapp.settings import service as settings

Act = Callable[[], None]


def test_a_message_is_sent_and_says_through_which_provider(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage
) -> None:
    message_id = enqueue()
    deliver()
    message = get_message(message_id)
    assert (message.state, message.provider, message.attempts, message.failure) == (
        MessageState.SENT,
        "custom",
        1,
        None,
    )
    assert inbox.last.rcpt_to == ["eve@people.example"]


def test_a_reset_mail_brings_a_link_to_the_public_address(
    enqueue_reset: Callable[[], int], deliver: Act, inbox: Inbox
) -> None:
    enqueue_reset()
    deliver()
    assert inbox.last.link.startswith("https://mailroom.example/reset-password/")
    assert inbox.last.link in inbox.last.html


def test_the_database_never_holds_a_link(
    enqueue_reset: Callable[[], int], deliver: Act, inbox: Inbox, database: Database
) -> None:
    enqueue_reset()
    deliver()
    secret = inbox.last.link.rpartition("/")[2]
    with database.read() as session:
        rows = [session.execute(text(f"SELECT * FROM {table}")).all() for table in ("messages", "links", "users")]
    assert len(rows[1]) == 1
    assert secret not in repr(rows)


def test_a_pending_person_who_asks_for_a_reset_gets_the_activation_mail(
    enqueue: Enqueue, pending: int, deliver: Act, inbox: Inbox
) -> None:
    enqueue("reset", "EVE@people.example", expires_at=clock.now() + timedelta(hours=1))
    deliver()
    assert inbox.last.link.startswith("https://mailroom.example/activate/")
    assert inbox.last.rcpt_to == ["eve@people.example"]


@pytest.mark.parametrize("state", [None, UserState.DISABLED])
def test_a_reset_for_nobody_or_a_disabled_person_is_dropped(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage, database: Database, state: UserState | None
) -> None:
    if state:
        add_person(database, "eve@people.example", state=state)
    message_id = enqueue("reset", expires_at=clock.now() + timedelta(hours=1))
    deliver()
    assert get_message(message_id).state == MessageState.CANCELLED
    assert inbox.messages == []


def test_nobody_who_is_active_already_gets_an_activation_mail(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage, database: Database
) -> None:
    user_id = add_person(database, "eve@people.example")
    message_id = enqueue("activation", user_id=user_id, expires_at=clock.now() + timedelta(hours=1))
    deliver()
    assert get_message(message_id).state == MessageState.CANCELLED
    assert inbox.messages == []


def test_nothing_is_sent_when_its_link_is_about_to_expire(
    enqueue: Enqueue, pending: int, deliver: Act, inbox: Inbox, get_message: GetMessage
) -> None:
    message_id = enqueue("activation", user_id=pending, expires_at=clock.now() + timedelta(seconds=5))
    deliver()
    assert get_message(message_id).state == MessageState.EXPIRED
    assert inbox.messages == []


def test_a_temporary_refusal_is_tried_again_later(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage, make_due: Act
) -> None:
    inbox.refusals.append("451 4.7.1 Greylisted")
    message_id = enqueue()
    deliver()
    message = get_message(message_id)
    assert (message.state, message.failure_stage, message.failure_reply) == (
        MessageState.QUEUED,
        "data",
        "451 4.7.1 Greylisted",
    )
    assert message.next_attempt_at > clock.now() + timedelta(seconds=5)
    make_due()
    deliver()
    assert get_message(message_id).state == MessageState.SENT


def test_an_unknown_recipient_ends_a_message_and_holds_up_no_other(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, use_server: Callable[..., None]
) -> None:
    ids = [enqueue(recipient=f"{name}@people.example") for name in ("gone", "eve")]
    with ScriptedServer(replies={"RCPT": ["550 5.1.1 No such user", "250 2.1.5 Ok"]}) as server:
        use_server(server)
        deliver()
    gone, eve = map(get_message, ids)
    assert (gone.state, gone.failure_stage, gone.failure_reply) == (
        MessageState.FAILED,
        "rcpt",
        "550 5.1.1 No such user",
    )
    assert (eve.state, server.connections) == (MessageState.SENT, 1)


def test_a_mail_that_cannot_be_made_holds_up_no_other_and_fails_in_the_end(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage, make_due: Act
) -> None:
    broken, good = enqueue("no-such-mail"), enqueue()
    for _attempt in range(5):
        deliver()
        assert get_message(good).state == MessageState.SENT
        make_due()
    assert (get_message(broken).state, get_message(broken).attempts, len(inbox.messages)) == (MessageState.FAILED, 5, 1)


def test_a_server_that_is_down_is_asked_once_for_all(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, use_server: Callable[..., None]
) -> None:
    ids = [enqueue(), enqueue()]
    use_server()
    deliver()
    ids.append(enqueue())
    deliver()
    found = [get_message(one) for one in ids]
    assert [one.attempts for one in found] == [1, 0, 0]
    assert {(one.state, one.waits_for_server, one.failure_stage) for one in found} == {
        (MessageState.QUEUED, True, "connect")
    }
    assert found[0].next_attempt_at < min(one.next_attempt_at for one in found[1:])


def test_a_message_that_makes_the_server_hang_up_holds_up_no_other(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, use_server: Callable[..., None], make_due: Act
) -> None:
    bad, good = enqueue(), enqueue()
    with ScriptedServer(replies={"END": ["421 4.3.0 Closing", "250 Ok", "421 4.3.0 Closing"]}) as server:
        use_server(server)
        for _round in range(2):
            deliver()
            make_due()
    assert (get_message(bad).state, get_message(good).state) == (MessageState.QUEUED, MessageState.SENT)


def test_refused_sign_ins_are_not_repeated_for_every_message(
    enqueue: Enqueue, deliver: Act, parts: AppState, inbox: Inbox, get_message: GetMessage
) -> None:
    inbox.password = "another one"
    first, second = enqueue(), enqueue()
    deliver()
    assert get_message(first).failure_reply.startswith("535")
    assert inbox.password not in get_message(first).failure_reply
    assert (get_message(first).attempts, get_message(second).attempts) == (1, 0)


def test_what_a_server_held_up_is_due_once_it_works(
    enqueue: Enqueue, deliver: Act, parts: AppState, get_message: GetMessage, use_server: Callable[..., None]
) -> None:
    ids = [enqueue(), enqueue()]
    use_server()
    deliver()
    with ScriptedServer() as server:
        use_server(server)
        with parts.database.transaction() as session:
            service.retry(session, ids[0])
        deliver()
    assert [get_message(one).state for one in ids] == [MessageState.SENT, MessageState.SENT]


def test_without_a_mail_server_messages_wait_and_say_so(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, parts: AppState, use_server: Callable[..., None]
) -> None:
    message_id = enqueue()
    deliver()
    message = get_message(message_id)
    assert (message.state, message.waits_for_server, message.failure_code) == (
        MessageState.QUEUED,
        True,
        "no_mail_server",
    )
    with ScriptedServer() as server:
        use_server(server)
        with parts.database.transaction() as session:
            service.retry_waiting(session)
        assert not get_message(message_id).waits_for_server
        deliver()
    assert get_message(message_id).state == MessageState.SENT


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ({"provider": "gone"}, "plugin_missing"),
        ({"secrets": {"password": {"sealed": "gAAAA", "saved_at": ""}}}, "cannot_unseal"),
        ({"security": "starttls", "tls_minimum": "0.9"}, "settings_failed"),
    ],
)
def test_unusable_settings_are_named_and_lose_nothing(
    enqueue: Enqueue,
    deliver: Act,
    inbox: Inbox,
    get_message: GetMessage,
    use_server: Callable[..., None],
    damage: dict[str, object],
    code: str,
) -> None:
    use_server(**{"port": inbox.port, "host": inbox.host, **damage})
    message_id = enqueue()
    deliver()
    assert get_message(message_id).state == MessageState.QUEUED
    assert get_message(message_id).failure_code == code


def test_without_a_public_address_only_mails_with_links_wait(
    enqueue: Enqueue,
    enqueue_reset: Callable[[], int],
    deliver: Act,
    inbox: Inbox,
    get_message: GetMessage,
    parts: AppState,
) -> None:
    with parts.database.transaction() as session:
        settings.save_general(session, "", "Mailroom", "")
    waiting, notice = enqueue_reset(), enqueue()
    deliver()
    assert get_message(notice).state == MessageState.SENT
    assert get_message(waiting).state == MessageState.QUEUED
    assert get_message(waiting).failure_code == "no_public_url"


def test_workers_that_drain_at_once_send_each_message_once(app: Flask, enqueue: Enqueue, inbox: Inbox) -> None:
    for number in range(12):
        enqueue(recipient=f"{number}@people.example")
    drains = [threading.Thread(target=delivery.deliver_due, args=(app,)) for _ in range(4)]
    for drain in drains:
        drain.start()
    for drain in drains:
        drain.join()
    counted = Counter(mail.rcpt_to[0] for mail in inbox.messages)
    assert counted == Counter(f"{number}@people.example" for number in range(12))


def test_an_international_mailbox_is_reached(enqueue: Enqueue, deliver: Act, inbox: Inbox) -> None:
    enqueue(recipient="ада@bücher.example")
    deliver()
    assert inbox.last.rcpt_to == ["ада@xn--bcher-kva.example"]
    assert "SMTPUTF8" in inbox.last.mail_options


def test_a_worker_that_is_told_to_stop_begins_no_further_message(
    app: Flask, enqueue: Enqueue, inbox: Inbox, get_message: GetMessage
) -> None:
    ids = [enqueue(), enqueue()]
    delivery.deliver_due(app, stopping=lambda: bool(inbox.messages))
    assert [get_message(one).state for one in ids] == [MessageState.SENT, MessageState.QUEUED]


def test_a_second_copy_has_the_message_id_of_the_first(
    enqueue: Enqueue, deliver: Act, make_due: Act, get_message: GetMessage, use_server: Callable[..., None]
) -> None:
    message_id = enqueue()
    with ScriptedServer(replies={"END": ["451 4.3.0 Taken, but something broke", "250 Ok"]}) as server:
        use_server(server)
        deliver()
        make_due()
        deliver()
        ids = [re.search(rb"(?m)^Message-ID: (\S+)", copy) for copy in server.messages]
    assert get_message(message_id).state == MessageState.SENT
    assert len(ids) == 2
    assert len({found[1] for found in ids if found}) == 1
