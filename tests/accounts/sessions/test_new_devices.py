"""Browsers that Mailroom does not know yet, as people and their mailboxes notice it."""

from collections.abc import Callable
from datetime import timedelta

import time_machine
from flask import Flask

from tests.support.browser import PASSWORD, Browser
from webapp.accounts.models import LinkPurpose, User
from webapp.core import clock

NEW = "another long sentence 8"
NewLink = Callable[..., str]
Queued = Callable[[], list[tuple[str, str]]]


def test_a_browser_is_news_once(stranger: Browser, ada: User, queued: Queued) -> None:
    for _ in range(2):
        stranger.submit("/login", email=ada.email, password=PASSWORD)
        stranger.post("/logout")
    assert queued() == [("new_session", ada.email)]


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(stranger: Browser, ada: User) -> None:
    stranger.submit("/login", email=ada.email, password=PASSWORD)
    cookie = stranger.client.get_cookie("mailroom_device")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site, cookie.max_age) == (True, "Lax", 365 * 24 * 3600)


def test_where_an_account_was_activated_or_a_password_chosen_is_no_news(
    stranger: Browser, pat: User, new_link: NewLink, queued: Queued
) -> None:
    for purpose, path in ((LinkPurpose.ACTIVATION, "/activate/"), (LinkPurpose.RESET, "/reset-password/")):
        stranger.get(path + new_link(pat, purpose))
        stranger.submit(path.rstrip("/"), password=NEW, password_confirm=NEW)
        stranger.post("/logout")
        stranger.submit("/login", email=pat.email, password=NEW)
        stranger.post("/logout")
    assert queued() == [("activated", pat.email), ("password_changed", pat.email)]


def test_a_reset_makes_all_others_unknown(
    app: Flask, stranger: Browser, ada: User, new_link: NewLink, queued: Queued
) -> None:
    stranger.submit("/login", email=ada.email, password=PASSWORD)
    stranger.post("/logout")
    other = Browser(app)
    other.get("/reset-password/" + new_link(ada, LinkPurpose.RESET))
    other.submit("/reset-password", password=NEW, password_confirm=NEW)
    with time_machine.travel(clock.now() + timedelta(days=2)):
        stranger.submit("/login", email=ada.email, password=NEW)
    assert [template for template, _ in queued()] == ["new_session", "password_changed", "new_session"]


def test_wrong_passwords_are_not_told(stranger: Browser, ada: User, queued: Queued) -> None:
    stranger.submit("/login", email=ada.email, password="wrong")
    assert queued() == []
