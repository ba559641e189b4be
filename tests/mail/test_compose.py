"""What the mails say, and how they look on the wire."""

import email
from collections.abc import Callable
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest
from flask import Flask

from webapp import template_folder
from webapp.mail import compose as messages
from webapp.mail.expiry.service import Expiry, ExpiryState, ExpirySubject
from webapp.settings.service import General

pytestmark = pytest.mark.one_database

LINK = "https://mailroom.example/activate/dGhlIHNlY3JldCBvZiBhIGxpbms_and-so-on"
MOMENT = datetime(2026, 11, 23, 15, 4, 59, tzinfo=UTC)
FACTS = {
    "name": "Eve",
    "valid_until": MOMENT,
    "happened_at": MOMENT,
    "until": MOMENT,
    "client": "192.0.2.1",
    "device": "",
    "expiry": Expiry(ExpirySubject.CLIENT_SECRET, ExpiryState.SOON, MOMENT),
}
# Nobody did what the other one tells.
TEMPLATES = sorted(folder.name for folder in (template_folder() / "email").iterdir() if folder.is_dir())
ABOUT_PEOPLE = [template for template in TEMPLATES if template != "expiry_alert"]
Compose = Callable[..., EmailMessage]


@pytest.fixture
def compose(app: Flask) -> Compose:
    """A composed mail as a mail program reads it."""

    def compose(
        template: str = "activation",
        recipient: str = "eve@people.example",
        mail_from: str = "mailroom@sender.example",
        public_url: str = "https://mailroom.example",
        product: str = "Mailroom",
        support: str = "help@mailroom.example",
        **facts: object,
    ) -> EmailMessage:
        general = General(public_url, product, support)
        with app.app_context():
            mail = messages.compose(template, recipient, mail_from, general, {**FACTS, **facts}, LINK)
        parsed = email.message_from_bytes(mail.as_bytes(), policy=policy.SMTPUTF8)
        assert isinstance(parsed, EmailMessage)
        return parsed

    return compose


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("template", ["activation", "reset", "confirm_address", "address_changed"])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_the_link_stands_in_the_text_and_in_the_html(compose: Compose, template: str, kind: str) -> None:
    assert LINK in text_of(compose(template), kind)


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_the_validity_is_exact_and_never_overstated(compose: Compose, kind: str) -> None:
    assert "valid until 23 November 2026, 15:04 UTC" in text_of(compose(), kind)


@pytest.mark.parametrize("template", ABOUT_PEOPLE)
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_every_mail_names_product_help_and_what_to_do_if_it_was_not_you(
    compose: Compose, template: str, kind: str
) -> None:
    text = text_of(compose(template, product="Acme"), kind)
    assert all(words in text for words in ("Acme", "help@mailroom.example", "If this was not"))


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_mail_is_two_alternatives_and_nothing_around_them(compose: Compose, template: str) -> None:
    mail = compose(template)
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_headers_name_the_public_host_the_time_and_whom_to_ask(compose: Compose) -> None:
    mail = compose()
    assert mail["Message-ID"].endswith("@mailroom.example>")
    assert abs((datetime.now(UTC) - mail["Date"].datetime).total_seconds()) < 60
    assert str(mail["Date"]).endswith("+0000")
    assert (mail["Auto-Submitted"], mail["Reply-To"], mail["Content-Language"]) == (
        "auto-generated",
        "help@mailroom.example",
        "en",
    )


@pytest.mark.parametrize(
    "public_url", ["", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080", "http://app.localhost"]
)
def test_a_host_without_a_name_is_replaced_by_the_senders_domain(compose: Compose, public_url: str) -> None:
    assert compose("test", public_url=public_url)["Message-ID"].endswith("@sender.example>")


def test_the_sender_is_named_after_the_product_unless_it_has_a_name(compose: Compose) -> None:
    assert compose(product='Ac"me, Inc')["From"].addresses[0].display_name == 'Ac"me, Inc'
    named = compose(mail_from='"Acme, Post" <post@sender.example>')["From"].addresses[0]
    assert (named.display_name, named.addr_spec) == ("Acme, Post", "post@sender.example")


WORD = "=?utf-8?q?=0d=0aBcc=3avictim=40people=2eexample=0d=0aX=3a?="


@pytest.mark.parametrize(
    "given",
    [{"product": WORD}, {"mail_from": f'"{WORD}" <mailroom@sender.example>'}, {"support": f"{WORD}@people.example"}],
)
def test_an_encoded_word_is_not_decoded(compose: Compose, given: dict[str, str]) -> None:
    mail = compose(**given)
    assert mail["Bcc"] is None
    assert "= ?utf-8?q?=0d=0aBcc" in f"{mail['From']} {mail['Reply-To']}"


@pytest.mark.parametrize("place", ["recipient", "mail_from"])
def test_an_address_with_an_encoded_word_is_not_written(compose: Compose, place: str) -> None:
    with pytest.raises(ValueError, match="encoded word"):
        compose(**{place: f"{WORD}@people.example"})


@pytest.mark.parametrize("hostile", ["Acme\r\nBcc: victim@people.example", "Acme\nX-Bad: 1\x00\x85\u2028", "A\ud800"])
def test_no_name_can_add_a_header(compose: Compose, hostile: str) -> None:
    mail = compose(product=hostile, name=hostile, mail_from="post@sender.example")
    assert not {"bcc", "x-bad"} & {name.casefold() for name in mail}
    assert "\n" not in str(mail["Subject"])


def test_a_recipient_with_a_line_break_is_refused(compose: Compose) -> None:
    with pytest.raises(ValueError, match="CR or LF"):
        compose(recipient="eve@people.example\r\nBcc: victim@people.example")


def test_names_are_text_in_the_html(compose: Compose) -> None:
    html = text_of(compose(product="<b>&Co", name="<img src=x>"), "html")
    assert "<img" not in html
    assert "&lt;b&gt;&amp;Co" in html


def test_an_international_domain_needs_nothing_of_the_server(app: Flask) -> None:
    general = General("https://bücher.example", "Mailroom", "")
    with app.app_context():
        mail = messages.compose("test", "eve@straße.example", "post@bücher.example", general, {})
    assert mail.mail_options == []
    assert b"To: eve@xn--strae-oqa.example\r\n" in mail.as_bytes()
    assert b"@xn--bcher-kva.example>\r\n" in mail.as_bytes()


def test_an_international_mailbox_is_written_as_it_is_and_asks_for_smtputf8(app: Flask) -> None:
    general = General("https://mailroom.example", "Mailroom", "")
    with app.app_context():
        mail = messages.compose("test", "ада@bücher.example", "post@sender.example", general, {})
    assert mail.mail_options == ["SMTPUTF8"]
    assert "To: ада@xn--bcher-kva.example\r\n".encode() in mail.as_bytes()


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("product", ["Mailroom", "Поштамт " * 7])
def test_no_line_is_too_long_and_no_octet_needs_eight_bits(app: Flask, template: str, product: str) -> None:
    general = General("https://mailroom.example/" + "x" * 270, product, "help@mailroom.example")
    with app.app_context():
        content = messages.compose(template, "eve@people.example", "a@b.example", general, FACTS, LINK).as_bytes()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_styles_stand_in_the_elements_and_nothing_is_loaded(compose: Compose) -> None:
    html = text_of(compose(), "html")
    assert 'class="button-link" href="' in html.replace("\n", " ")
    assert "color: #ffffff" in html
    assert "prefers-color-scheme: dark" in html
    assert "src=" not in html
    assert "<link" not in html


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize("template", ["activated", "password_changed", "address_changed", "new_session"])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_mail_about_what_was_done_says_when_from_where_and_with_what(
    compose: Compose, template: str, kind: str
) -> None:
    where = {"client": "192.0.2.7", "device": FIREFOX}
    text = text_of(compose(template, happened_at=MOMENT, **where, sign_ins=[{"at": MOMENT, **where}]), kind)
    for line in ("When: 23 November 2026, 15:04 UTC", "Device: Firefox on Linux", "IP address: 192.0.2.7"):
        assert line in text


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_changed_password_says_in_which_way(compose: Compose, kind: str) -> None:
    texts = [text_of(compose("password_changed", by_link=by_link), kind) for by_link in (True, False)]
    assert ["with the link from a mail" in text for text in texts] == [True, False]
    assert ["in the profile" in text for text in texts] == [False, True]


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_many_new_sign_ins_are_counted(compose: Compose, kind: str) -> None:
    sign_ins = [{"at": MOMENT, "client": f"192.0.2.{number}", "device": ""} for number in range(2)]
    text = text_of(compose("new_session", sign_ins=sign_ins, more=3), kind)
    assert "5 times" in text
    assert "And 3 more times since then." in text
    assert text.count("Device: Unknown device") == 2
