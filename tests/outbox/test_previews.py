"""The Mails tab: every mail, to look at before anybody gets it."""

import re

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.support.browser import Browser
from webapp.accounts.models import Link
from webapp.core.app_state import AppState
from webapp.mail import compose
from webapp.outbox import previews
from webapp.outbox.models import Message
from webapp.settings import service as settings
from webapp.settings.security import SecurityPolicy

pytestmark = pytest.mark.one_database

OFFERED = re.compile(r"https?://[^\s\"'<>]+")


def test_the_tab_leads_to_every_mail(administrator: Browser) -> None:
    page = administrator.get("/settings/mails").text
    assert set(re.findall(r'href="/settings/mails/(\w+)"', page)) == set(compose.TEMPLATES)


@pytest.mark.parametrize("template", compose.TEMPLATES)
def test_a_preview_shows_subject_html_and_text(administrator: Browser, app: Flask, template: str) -> None:
    page = administrator.get(f"/settings/mails/{template}").text
    html = administrator.get(f"/settings/mails/{template}/html").text
    with app.app_context():
        mail = previews.preview(
            template, "en", settings.General("https://real.example", "Mailroom", ""), SecurityPolicy()
        )
    assert mail.subject in page
    assert f"/settings/mails/{template}/html" in page
    assert "Ada Lovelace" in page
    assert "Hello <bdi>Ada Lovelace</bdi>," in html


@pytest.mark.parametrize("template", compose.TEMPLATES)
def test_its_links_lead_nowhere(administrator: Browser, template: str) -> None:
    html = administrator.get(f"/settings/mails/{template}/html").text
    assert {link for link in OFFERED.findall(html) if not link.startswith("https://preview.invalid/")} == set()


def test_looking_owes_no_mail_and_makes_no_link(administrator: Browser, parts: AppState) -> None:
    administrator.get("/settings/mails/reset")
    with parts.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Link)) == 0
        assert session.scalar(select(func.count()).select_from(Message)) == 0


def test_the_html_is_framed_where_it_can_run_load_and_send_nothing(administrator: Browser) -> None:
    page, html = (administrator.get(f"/settings/mails/reset{end}") for end in ("", "/html"))
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert re.search(r"<iframe [^>]* sandbox></iframe>", page.text)
    policy = html.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'self'; sandbox")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; form-action 'none'")
    assert html.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_names_of_the_product_are_text(administrator: Browser, parts: AppState) -> None:
    with parts.database.writing() as session:
        settings.save(session, None, "<b>&Co", "")
    for end in ("", "/html"):
        page = administrator.get(f"/settings/mails/reset{end}").text
        assert "&lt;b&gt;&amp;Co" in page
        assert "<b>&Co" not in page


@pytest.mark.parametrize("query", ["lang=xx", "lang=", "lang=en&lang=de", "lang=%00", "lang=" + "x" * 9_999, "width=9"])
def test_what_cannot_be_chosen_is_as_if_nothing_was(administrator: Browser, query: str) -> None:
    for end in ("", "/html"):
        answer = administrator.get(f"/settings/mails/test{end}?{query}")
        assert (answer.status_code, "Ada Lovelace" in answer.text) == (200, True)


@pytest.mark.parametrize("name", ["layout", "nothing", "..%2Ftest", "%00"])
def test_there_is_no_other_mail(administrator: Browser, name: str) -> None:
    assert administrator.get(f"/settings/mails/{name}").status_code == 404
    assert administrator.get(f"/settings/mails/{name}/html").status_code == 404


def test_members_see_none(member: Browser) -> None:
    assert member.get("/settings/mails/reset/html").status_code == 403
