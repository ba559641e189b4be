"""An application in a real browser: created, used over SMTP, seen in the outbox, given a new secret, disabled."""

import smtplib
from email.message import EmailMessage

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker

RECIPIENTS = ["bob@people.example", "accounting@shop.example"]
HTML = "<body style='background: #fffbe6'><h1>Thank you, Bob.</h1><p>We <b>ship</b> it today.</p></body>"


def order() -> EmailMessage:
    """Return an email with a text, its HTML and an attachment."""
    email = EmailMessage()
    email["From"], email["To"], email["Subject"] = "Shop <orders@shop.example>", RECIPIENTS[0], "Your order"
    email.set_content("Thank you, Bob.\nWe ship it today.\n")
    email.add_alternative(HTML, subtype="html")
    email.add_attachment(b"%PDF" * 20_000, maintype="application", subtype="pdf", filename="invoice.pdf")
    return email


def send(site: Site, identifier: str, secret: str) -> None:
    """Send an email as the program does. Raises SMTPAuthenticationError."""
    with smtplib.SMTP("127.0.0.1", site.submission_port, timeout=10) as smtp:
        smtp.login(identifier, secret)
        smtp.send_message(order(), "orders@shop.example", RECIPIENTS)


def refusal(site: Site, identifier: str, secret: str) -> int:
    """Return the code with which the credentials are refused."""
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        send(site, identifier, secret)
    return refused.value.smtp_code


def test_a_program_is_connected_watched_and_shut_out(visitor: Walker, site: Site) -> None:
    visitor.open(f"{site.url}/settings/applications")
    visitor.follow("Create an application")
    visitor.fill(name="Shop", networks="127.0.0.1/8")
    visitor.press("Create")
    assert visitor.sees("“127.0.0.1/8” is an address in the network 127.0.0.0/8.")
    visitor.fill(networks="127.0.0.0/8", allowed_senders="shop.example")
    visitor.press("Create")
    identifier, secret = (visitor.page.locator(f"#{id_}").input_value() for id_ in ("identifier", "secret"))
    send(site, identifier, secret)

    visitor.open(f"{site.url}/settings/applications")
    visitor.follow("Shop")
    visitor.follow("bob@people.example")
    assert visitor.page.frame_locator(".mail-frame").get_by_text("Thank you, Bob.").is_visible()
    assert visitor.sees("invoice.pdf (80 kB)")
    assert visitor.sees("accounting@shop.example")
    visitor.open(f"{site.url}/outbox?application=1")
    assert visitor.sees("bob@people.example")

    visitor.open(f"{site.url}/settings/applications/1")
    visitor.follow("Create a new secret…")
    visitor.fill(overlap="0")
    visitor.press("sure")
    renewed = visitor.page.locator("#secret").input_value()
    assert refusal(site, identifier, secret) == 535
    send(site, identifier, renewed)

    visitor.open(f"{site.url}/settings/applications/1")
    visitor.follow("Disable…")
    visitor.press("sure")
    assert visitor.sees("Disabled.")
    assert refusal(site, identifier, renewed) == 535
    assert visitor.complaints == []
