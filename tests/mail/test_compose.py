"""What the emails say, and their form on the wire."""

import email
from collections.abc import Callable
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest
from flask import Flask

from webapp.application import template_folder
from webapp.core import i18n
from webapp.core.i18n import LANGUAGES
from webapp.mail.compose import compose
from webapp.mail.expiry.service import Expiry, ExpiryState, ExpirySubject
from webapp.mail.rollback.service import Rollback
from webapp.providers import Failure
from webapp.settings.service import General

pytestmark = pytest.mark.one_database

PATH = "/activate/dGhlIHNlY3JldCBvZiBhIGxpbms_and-so-on"
MOMENT = datetime(2026, 11, 23, 15, 4, 59, tzinfo=UTC)
DATA = {
    "name": "Eve",
    "valid_until": MOMENT,
    "happened_at": MOMENT,
    "cause": "The password was rejected.",
    "ip_address": "192.0.2.1",
    "user_agent": "",
    "since": MOMENT,
    "until": MOMENT,
    "server": "SendGrid",
    "by": "Office 365",
    "rollback": Rollback("SendGrid", ["host", "port"], "ada@people.example", MOMENT, Failure("connect", "timeout")),
    "expiry": Expiry(ExpirySubject.CLIENT_SECRET, ExpiryState.EXPIRING, MOMENT),
}
TEMPLATES = sorted(folder.name for folder in (template_folder() / "email").iterdir() if folder.is_dir())
Compose = Callable[..., EmailMessage]


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app


@pytest.fixture
def composed(app: Flask) -> Compose:
    """Compose an email and parse it as a mail program does."""

    def compose_and_parse(
        template: str = "activation",
        recipient: str = "eve@people.example",
        mail_from: str = "mailroom@sender.example",
        public_url: str = "https://mailroom.example",
        product: str = "Mailroom",
        support: str = "help@mailroom.example",
        **data: object,
    ) -> EmailMessage:
        general = General(public_url, product, support)
        with app.app_context():
            message = compose(template, recipient, mail_from, general, {**DATA, **data}, PATH)
        parsed = email.message_from_bytes(message.as_bytes(), policy=policy.SMTPUTF8)
        assert isinstance(parsed, EmailMessage)
        return parsed

    return compose_and_parse


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("template", ["activation", "reset", "confirm_address", "address_changed"])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_an_email_with_a_link_has_it_in_text_and_html_and_says_until_when_it_is_valid(
    composed: Compose, template: str, kind: str
) -> None:
    text = text_of(composed(template), kind)
    assert f"https://mailroom.example{PATH}" in text
    assert "23 November 2026, 15:04 UTC" in text


@pytest.mark.parametrize("template", [name for name in TEMPLATES if not name.startswith(("expiry_", "mail_"))])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_an_email_names_the_product_the_help_address_and_what_to_do_if_it_was_not_you(
    composed: Compose, template: str, kind: str
) -> None:
    text = text_of(composed(template, product="Acme"), kind).replace("&#39;", "'")
    assert "Acme" in text
    assert "help@mailroom.example" in text
    assert any(start in text for start in ("If this wasn't", "If you weren't", "If you didn't"))


def test_the_headers_have_the_senders_domain_the_time_and_the_support_address(composed: Compose) -> None:
    message = composed()
    assert message["Message-ID"].endswith("@sender.example>")
    assert abs((datetime.now(UTC) - message["Date"].datetime).total_seconds()) < 60
    assert str(message["Date"]).endswith("+0000")
    assert (message["Auto-Submitted"], message["Reply-To"], message["Content-Language"]) == (
        "auto-generated",
        "help@mailroom.example",
        "en",
    )


def test_the_sender_has_the_products_name_unless_it_has_its_own(composed: Compose) -> None:
    assert composed(product='Ac"me, Inc')["From"].addresses[0].display_name == 'Ac"me, Inc'
    named = composed(mail_from='"Acme, Post" <post@sender.example>')["From"].addresses[0]
    assert (named.display_name, named.addr_spec) == ("Acme, Post", "post@sender.example")


WORD = "=?utf-8?q?=0d=0aBcc=3avictim=40people=2eexample=0d=0aX=3a?="


@pytest.mark.parametrize(
    "values",
    [{"product": WORD}, {"mail_from": f'"{WORD}" <mailroom@sender.example>'}, {"support": f"{WORD}@people.example"}],
)
def test_an_encoded_word_in_a_setting_is_not_decoded(composed: Compose, values: dict[str, str]) -> None:
    message = composed(**values)
    assert message["Bcc"] is None
    assert "= ?utf-8?q?=0d=0aBcc" in f"{message['From']} {message['Reply-To']}"


@pytest.mark.parametrize("place", ["recipient", "mail_from"])
def test_an_address_with_an_encoded_word_is_refused(composed: Compose, place: str) -> None:
    with pytest.raises(ValueError, match="encoded word"):
        composed(**{place: f"{WORD}@people.example"})


@pytest.mark.parametrize("hostile", ["Acme\r\nBcc: victim@people.example", "Acme\nX-Bad: 1\x00\x85\u2028", "A\ud800"])
def test_no_name_can_add_a_header(composed: Compose, hostile: str) -> None:
    message = composed(product=hostile, name=hostile, mail_from="post@sender.example")
    assert not {"bcc", "x-bad"} & {name.casefold() for name in message}
    assert "\n" not in str(message["Subject"])


def test_a_recipient_with_a_line_break_is_refused(composed: Compose) -> None:
    with pytest.raises(ValueError, match="CR or LF"):
        composed(recipient="eve@people.example\r\nBcc: victim@people.example")


def test_names_are_text_in_the_html(composed: Compose) -> None:
    html = text_of(composed(product="<b>&Co", name="<img src=x>"), "html")
    assert "<img" not in html
    assert "&lt;b&gt;&amp;Co" in html


def test_an_international_domain_is_written_in_ascii(app: Flask) -> None:
    general = General("https://mailroom.example", "Mailroom", "")
    with app.app_context():
        message = compose("test", "eve@straße.example", "post@bücher.example", general, {})
    assert message.mail_options == []
    assert b"To: eve@xn--strae-oqa.example\r\n" in message.as_bytes()
    assert b"@xn--bcher-kva.example>\r\n" in message.as_bytes()


def test_an_international_mailbox_is_kept_and_requires_smtputf8(app: Flask) -> None:
    general = General("https://mailroom.example", "Mailroom", "")
    with app.app_context():
        message = compose("test", "ада@bücher.example", "post@sender.example", general, {})
    assert message.mail_options == ["SMTPUTF8"]
    assert "To: ада@xn--bcher-kva.example\r\n".encode() in message.as_bytes()


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("product", ["Mailroom", "Поштамт " * 7])
def test_lines_are_short_ascii_and_end_with_crlf(app: Flask, template: str, product: str) -> None:
    general = General("https://mailroom.example/" + "x" * 270, product, "help@mailroom.example")
    with app.app_context():
        content = compose(template, "eve@people.example", "a@b.example", general, DATA, PATH).as_bytes()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_encoding_breaks_the_lines_of_any_email(app: Flask, language: str) -> None:
    general = General("https://mailroom.example/" + "x" * 270, "Mailroom", "help@mailroom.example")
    for template in TEMPLATES:
        with app.app_context(), i18n.use_language(language):
            composed = compose(template, "eve@people.example", "a@b.example", general, {**DATA, "name": "José"}, PATH)
        for part in email.message_from_bytes(composed.as_bytes(), policy=policy.default).iter_parts():
            assert part["Content-Transfer-Encoding"] in ("7bit", "base64")


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_link_in_a_text_part_has_a_line_of_its_own(composed: Compose, template: str) -> None:
    lines = [line for line in text_of(composed(template)).splitlines() if "https://" in line]
    assert [line for line in lines if " " in line and "/code there" not in line] == []


@pytest.mark.parametrize("name", ["x" * 5000, "字" * 1200])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_text_without_line_breaks_is_sent_in_short_lines(composed: Compose, name: str, kind: str) -> None:
    message = composed(name=name, public_url="https://mailroom.example/" + "x" * 1100)
    assert max(map(len, message.as_bytes().splitlines())) <= 998
    assert name in text_of(message, kind)
    assert "x" * 1100 + PATH in text_of(message, kind)


def test_styles_are_inlined_and_nothing_is_loaded(composed: Compose) -> None:
    html = text_of(composed(), "html")
    assert 'class="button-link" href="' in html.replace("\n", " ")
    assert "color: #ffffff" in html
    assert "prefers-color-scheme: dark" in html
    assert "src=" not in html
    assert "<link" not in html


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize("template", ["activated", "password_changed", "address_changed", "new_session"])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_an_email_about_an_action_says_when_and_from_where_it_was_done(
    composed: Compose, template: str, kind: str
) -> None:
    origin = {"ip_address": "192.0.2.7", "user_agent": FIREFOX}
    text = text_of(composed(template, happened_at=MOMENT, **origin, sessions=[{"at": MOMENT, **origin}]), kind)
    for line in ("When: 23 November 2026, 15:04 UTC", "Device: Firefox on Linux", "IP address: 192.0.2.7"):
        assert line in text


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_the_email_about_a_changed_password_says_how_it_was_changed(composed: Compose, kind: str) -> None:
    texts = [text_of(composed("password_changed", by_link=by_link), kind) for by_link in (True, False)]
    assert ["using a reset link" in text for text in texts] == [True, False]
    assert ["in your profile" in text for text in texts] == [False, True]


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_the_email_about_new_sessions_counts_those_it_does_not_list(composed: Compose, kind: str) -> None:
    sessions = [{"at": MOMENT, "ip_address": f"192.0.2.{number}", "user_agent": ""} for number in range(2)]
    text = text_of(composed("new_session", sessions=sessions, more=3), kind)
    assert "And 3 more times since then." in text
    assert text.count("Device: Unknown device") == 2
