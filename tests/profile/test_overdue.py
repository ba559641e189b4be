"""Passwords that are too old."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from tests.support.browser import PASSWORD, Browser
from tests.test_access import rules
from webapp import clock
from webapp.context import Parts
from webapp.settings.security import Security, save

OTHER = "another long sentence 8"
PAGE = "/profile/password/due"


@pytest.fixture
def late(app: Flask, parts: Parts, administrator: Browser) -> Iterator[Browser]:
    """An administrator whose password is two months old, where it is good for one; signed in again just now."""
    with parts.database.writing() as session:
        save(session, replace(Security(), password_days=30))
    with time_machine.travel(clock.now() + timedelta(days=60), tick=False):
        administrator.let_in()
        yield administrator


def test_nothing_else_can_be_opened_or_sent(app: Flask, late: Browser) -> None:
    for method, send in (("GET", late.get), ("POST", late.post)):
        for rule, path in rules(app, method):
            if rule.endpoint not in ("accounts.logout", "profile.renew_password"):
                assert send(path, follow=False).location.startswith(PAGE), path


def test_a_new_password_leads_on_to_what_was_asked_for(late: Browser) -> None:
    page = late.get("/users?search=ada")
    assert "good for 30 days" in page.text
    page = late.submit_on(page, current_password=PASSWORD, password=OTHER, password_confirm=OTHER)
    assert (page.status_code, page.request.full_path) == (200, "/users?search=ada")
    assert late.get(PAGE).request.path == "/"


@pytest.mark.parametrize(
    ("current", "new", "problem"),
    [(PASSWORD, PASSWORD, "You had this password before"), ("wrong", OTHER, "not your password")],
)
def test_the_old_password_again_or_a_wrong_one_does_not_do(late: Browser, current: str, new: str, problem: str) -> None:
    page = late.submit(PAGE, current_password=current, password=new, password_confirm=new)
    assert problem in page.text
    assert late.get("/profile").request.path == PAGE


def test_one_can_sign_out_instead(late: Browser) -> None:
    assert late.submit_on(late.get("/")).request.path in (PAGE, "/login")
    assert late.post("/logout").request.path == "/login"


def test_a_password_in_time_is_asked_for_nothing(parts: Parts, member: Browser) -> None:
    with parts.database.writing() as session:
        save(session, replace(Security(), password_days=30))
    assert member.get("/profile").request.path == "/profile"
    assert member.get(PAGE).request.path == "/"
