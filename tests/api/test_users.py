"""Applications manage members through the API, and nobody else."""

from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.accounts.conftest import run_at_once
from tests.api.conftest import Program, wrong_fields
from tests.support.applications import add_application
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.models import Role, User, UserState
from webapp.audit.models import AuditEntry
from webapp.core.database import Database
from webapp.outbox.models import Message
from webapp.settings import service as settings

NEW_PASSWORD = "another long sentence 8"
ADA = {"email": "Ada@People.example", "name": "Ada Lovelace", "language": "de"}
ACTIONS = ("activation", "password-reset", "sign-out", "disable", "enable")

pytestmark = pytest.mark.one_database


@pytest.fixture
def portal(app: Flask, database: Database) -> Program:
    """A program that may manage users, and not send."""
    add_application(
        database, "Portal", may_send=False, may_manage_users=True, return_urls=["https://portal.example/team"]
    )
    return Program(app)


def json_of(answer: TestResponse, status: int = 200) -> Any:
    """Return the JSON of a response that has this status."""
    assert answer.status_code == status, answer.text
    return answer.json


def refusal(answer: TestResponse) -> tuple[int, str]:
    """Return the status and the kind of a problem."""
    assert answer.content_type == "application/problem+json", answer.text
    return answer.status_code, json_of(answer, answer.status_code)["type"].partition("#")[2]


def queued(database: Database) -> list[tuple[str, str]]:
    """List the messages in the outbox: kind and recipient."""
    with database.read() as session:
        return [(one.kind, one.recipient) for one in session.scalars(select(Message).order_by(Message.id))]


def test_a_person_is_created_activates_the_account_and_is_led_back(
    portal: Program, stranger: Browser, inbox: Inbox, deliver: Any
) -> None:
    url = "https://portal.example/team/welcome?step=1"
    answer = portal.post("/users", {**ADA, "return_url": url})
    found = json_of(answer)
    assert (found["email"], found["name"], found["language"]) == ("Ada@people.example", "Ada Lovelace", "de")
    assert (found["state"], found["created"], found["activation"], found["link"]) == ("pending", True, "queued", None)
    deliver()
    stranger.get(inbox.messages[-1].link)
    page = stranger.submit("/activate", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert f'href="{url}"' in page.text
    shown = json_of(portal.get(answer.location))
    assert (shown["state"], shown["activated_at"] is not None) == ("active", True)


def test_the_same_address_is_found_in_any_spelling(portal: Program, database: Database) -> None:
    first = json_of(portal.post("/users", ADA))
    second = json_of(portal.post("/users", {"email": "ADA@people.example", "name": "Somebody Else"}))
    assert (second["id"], second["created"], second["activation"]) == (first["id"], False, "too_soon")
    assert (second["name"], len(queued(database))) == ("Ada Lovelace", 1)


def test_two_requests_at_once_create_one_user(portal: Program, database: Database) -> None:
    answers = run_at_once([partial(portal.post, "/users", ADA)] * 4)
    found = [json_of(one) for one in answers if isinstance(one, TestResponse)]
    assert sorted(one["created"] for one in found) == [False, False, False, True]
    assert len({one["id"] for one in found}) == len(queued(database)) == 1


def test_a_link_is_returned_once_and_stored_nowhere(portal: Program, stranger: Browser, database: Database) -> None:
    body = {**ADA, "activation": "link", "return_url": "https://portal.example/team"}
    first, again = (json_of(portal.post("/users", body, key="the-same")) for _ in range(2))
    link = first["link"]
    assert (again, first["activation"], queued(database)) == (first, "link", [])
    with database.engine.connect() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
    assert link["url"].rpartition("/")[2] not in dump
    assert link["code"] not in dump
    assert "Ada@people.example" in stranger.get(link["url"]).text


@pytest.mark.parametrize("name", ["activation", "password-reset"])
def test_a_link_for_an_existing_user_is_sent_or_returned(portal: Program, database: Database, name: str) -> None:
    state = UserState.PENDING if name == "activation" else UserState.ACTIVE
    user_id = add_user(database, "ada@people.example", state=state)
    assert json_of(portal.post(f"/users/{user_id}/{name}")) == {"link": None}
    kind = "activation" if name == "activation" else "reset"
    assert queued(database) == [(kind, "ada@people.example")]
    # Nobody is flooded, and Retry-After says when to try again.
    answer = portal.post(f"/users/{user_id}/{name}", {"deliver": "mail"})
    assert (refusal(answer), 200 < int(answer.headers["Retry-After"]) <= 300) == ((429, "too-soon"), True)


def test_a_reset_link_that_is_returned_is_announced_to_its_user(
    portal: Program, database: Database, inbox: Inbox, deliver: Any
) -> None:
    user_id = add_user(database, "ada@people.example")
    link = json_of(portal.post(f"/users/{user_id}/password-reset", {"deliver": "link"}))["link"]
    assert link["url"].startswith("https://mailroom.example/reset-password/")
    deliver()
    assert "The application Portal created a one-time link" in inbox.messages[-1].text
    assert link["url"] not in inbox.messages[-1].text
    assert refusal(portal.post(f"/users/{user_id}/password-reset", {"deliver": "link"})) == (429, "too-soon")


def test_links_are_returned_only_with_a_public_url(portal: Program, database: Database) -> None:
    with database.transaction() as session:
        settings.save_general(session, "", "Mailroom", "")
    assert refusal(portal.post("/users", {**ADA, "activation": "link"})) == (409, "no-public-url")


def test_a_user_is_changed_disabled_enabled_and_deleted(portal: Program, database: Database) -> None:
    path = portal.post("/users", ADA).location
    changed = json_of(
        portal.send("PATCH", path, json={"name": "Ada King", "language": None, "email": "ada@king.example"})
    )
    assert (changed["name"], changed["language"], changed["email"]) == ("Ada King", None, "ada@king.example")
    states = [json_of(portal.post(f"{path}/{action}"))["state"] for action in ("disable", "enable", "sign-out")]
    assert states == ["disabled", "pending", "pending"]
    assert portal.send("DELETE", path).status_code == 204
    assert portal.get(path).status_code == portal.post(f"{path}/enable").status_code == 404
    with database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.event.startswith("user."))).all()
    assert {entry.event for entry in entries} == {
        "user.created", "user.name_changed", "user.language_changed", "user.disabled", "user.enabled", "user.deleted",
    }  # fmt: skip
    assert {entry.data["by_application"] for entry in entries} == {"Portal"}


@pytest.mark.parametrize(
    ("user_state", "method", "path", "body", "kind"),
    [
        ("active", "PATCH", "", {"email": "ada@king.example"}, "already-active"),
        ("disabled", "PATCH", "", {"email": "ada@king.example"}, "account-disabled"),
        ("pending", "PATCH", "", {"email": "MAX@people.example"}, "address-taken"),
        ("active", "POST", "/activation", {}, "already-active"),
        ("active", "POST", "/activation", {"deliver": "link"}, "already-active"),
        ("disabled", "POST", "/activation", {}, "account-disabled"),
        ("pending", "POST", "/password-reset", {}, "not-active"),
        ("pending", "POST", "/password-reset", {"deliver": "link"}, "not-active"),
        ("disabled", "POST", "/password-reset", {}, "account-disabled"),
    ],
)
def test_what_the_state_of_a_user_does_not_allow_changes_nothing(
    portal: Program, database: Database, user_state: str, method: str, path: str, body: dict[str, str], kind: str
) -> None:
    add_user(database, "max@people.example")
    user_id = add_user(database, "ada@people.example", state=UserState(user_state))
    assert refusal(portal.send(method, f"/users/{user_id}{path}", json=body)) == (409, kind)
    assert (json_of(portal.get(f"/users/{user_id}"))["email"], queued(database)) == ("ada@people.example", [])


def test_a_change_without_a_body_is_refused(portal: Program, member: Browser) -> None:
    assert list(wrong_fields(portal.send("PATCH", f"/users/{member.user_id}"))) == ["#"]
    assert portal.send("PATCH", f"/users/{member.user_id}", json={}).status_code == 200


def test_administrators_are_out_of_reach(portal: Program, administrator: Browser, database: Database) -> None:
    user, path = administrator.user, f"/users/{administrator.user.id}"
    attempts = [
        portal.get(path),
        portal.send("PATCH", path, json={"name": "Eve"}),
        portal.send("DELETE", path),
        portal.post("/users", {"email": user.email.upper(), "activation": "link"}),
        *(portal.post(f"{path}/{action}") for action in ACTIONS),
    ]
    assert {refusal(one) for one in attempts} == {(403, "administrator-account")}
    results = json_of(portal.post("/users/bulk", {"users": [{"email": user.email}]}))["results"]
    assert (results[0]["outcome"], results[0]["id"]) == ("administrator", None)
    assert json_of(portal.get("/users"))["items"] == json_of(portal.get(f"/users?search={user.email}"))["items"] == []
    assert administrator.get("/users").status_code == 200
    assert queued(database) == []


def test_nobody_becomes_an_administrator(portal: Program, database: Database) -> None:
    for role in ("role", "roles", "is_administrator"):
        assert refusal(portal.post("/users", {**ADA, role: Role.ADMINISTRATOR})) == (422, "invalid-request")
        many = {"users": [{**ADA, role: Role.ADMINISTRATOR}]}
        assert refusal(portal.post("/users/bulk", many)) == (422, "invalid-request")
    with database.read() as session:
        assert session.scalar(select(func.count(User.id))) == 0


def test_an_application_that_only_sends_learns_nothing_of_users(shop: Program, database: Database) -> None:
    user_id = add_user(database, "ada@people.example")
    known, unknown = (
        [
            shop.get(f"/users/{one}"),
            shop.get(f"/users?search={email}"),
            shop.post("/users", {"email": email}),
            shop.post("/users/bulk", {"users": [{"email": email}]}),
            *(shop.post(f"/users/{one}/{action}") for action in ACTIONS),
        ]
        for one, email in ((user_id, "ada@people.example"), (user_id + 1, "max@people.example"))
    )
    assert {refusal(one) for one in known} == {(403, "permission-missing")}
    assert [one.data for one in known] == [one.data for one in unknown]


def test_ids_that_nobody_has_are_not_found(portal: Program) -> None:
    for user_id in (0, 2**31, 10**30):
        assert portal.get(f"/users/{user_id}").status_code == 404
        assert portal.post(f"/users/{user_id}/disable").status_code == 404


@pytest.mark.one_database
def test_nobody_is_led_elsewhere(portal: Program, database: Database) -> None:
    user_id = add_user(database, "max@people.example")
    # What else is not allowed: see the tests of core.return_urls.
    for url in ("https://portal.example.evil.com/team", "https://portal.example/teams", "/team"):
        requests = {
            "/users": {**ADA, "return_url": url},
            "/users/bulk": {"users": [ADA], "return_url": url},
            f"/users/{user_id}/password-reset": {"return_url": url},
        }
        for path, body in requests.items():
            assert list(wrong_fields(portal.post(path, body))) == ["#/return_url"]
    assert queued(database) == []


@pytest.mark.one_database
def test_a_refusal_names_the_field(portal: Program, database: Database) -> None:
    for field, value in (
        ("email", "ada"),
        ("email", "ada@people.example\r\nBcc: eve@people.example"),
        ("email", None),
        ("name", "Ada\r\nBcc: eve@people.example"),
        ("name", "Win at evil.example"),
        ("language", "xx"),
        ("activation", "fax"),
    ):
        assert list(wrong_fields(portal.post("/users", {**ADA, field: value}))) == [f"#/{field}"]
    assert queued(database) == []


def test_users_are_listed_page_by_page(portal: Program, database: Database) -> None:
    ids = [add_user(database, f"p{number}@people.example") for number in range(5)]
    pending = add_user(database, "ada@people.example", state=UserState.PENDING)
    pages: list[list[int]] = []
    cursor: Any = ""
    while cursor is not None:
        page = json_of(portal.get(f"/users?limit=4{cursor and f'&cursor={cursor}'}"))
        pages.append([one["id"] for one in page["items"]])
        cursor = page["next_cursor"]
    assert pages == [[pending, *reversed(ids[2:])], [ids[1], ids[0]]]
    assert [one["id"] for one in json_of(portal.get("/users?state=pending"))["items"]] == [pending]
    assert [one["id"] for one in json_of(portal.get("/users?search=P3"))["items"]] == [ids[3]]
    for query in ("state=gone", "limit=0", "limit=1001", "cursor=x", "role=administrator"):
        assert list(wrong_fields(portal.get(f"/users?{query}"))) == [query.partition("=")[0]]


def test_one_bad_person_of_many_spoils_nothing(portal: Program, database: Database) -> None:
    known = add_user(database, "max@people.example")
    people: list[dict[str, Any]] = [
        ADA, {"email": "eve"}, {"email": None}, {}, {"email": "MAX@people.example"}, {"email": "ada@people.example"},
        {"email": "abe@people.example", "name": "www.evil.example"}, {"email": "bea.b@people.example"},
    ]  # fmt: skip
    results = json_of(portal.post("/users/bulk", {"users": people}))["results"]
    assert [one["outcome"] for one in results] == [
        "created", "invalid", "invalid", "invalid", "existing", "duplicate", "invalid", "created",
    ]  # fmt: skip
    assert [one["field"] for one in results if one["field"]] == ["email", "email", "email", "name"]
    assert (results[4]["id"], results[5]["id"]) == (known, results[0]["id"])
    assert json_of(portal.get(f"/users/{results[7]['id']}"))["name"] == "bea b"
    assert sorted(queued(database)) == [("activation", "Ada@people.example"), ("activation", "bea.b@people.example")]


def test_a_thousand_times_the_same_person_is_one_user(portal: Program, database: Database) -> None:
    results = json_of(portal.post("/users/bulk", {"users": [ADA] * 1000}))["results"]
    assert [one["outcome"] for one in results] == ["created", *["duplicate"] * 999]
    assert (len({one["id"] for one in results}), len(queued(database))) == (1, 1)
    assert refusal(portal.post("/users/bulk", {"users": [ADA] * 1001})) == (422, "invalid-request")
