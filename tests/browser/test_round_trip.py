"""A test email that is accepted, found in the inbox and confirmed, and its sender sees it."""

from uuid import uuid4

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.inbox import PASSWORD as MAIL_PASSWORD
from tests.support.inbox import SENDER, USERNAME, Inbox

PASSWORD = "the first long sentence 7"


def test_the_result_of_a_test_says_that_the_email_arrived(walker: Walker, site: Site, mail_server: Inbox) -> None:
    walker.open(site.setup_url)
    email = f"ada.{uuid4().hex[:8]}@mailroom.example"
    walker.fill(email=email, name="Ada Lovelace", password=PASSWORD, password_confirm=PASSWORD, public_url=site.url)
    walker.press("Create and sign in")
    walker.open(f"{site.url}/settings/mail")
    walker.fill(mail_from=SENDER, host=mail_server.host, port=str(mail_server.port), security="starttls", timeout="5")
    walker.fill(authentication="password", username=USERNAME, password=MAIL_PASSWORD, test_recipient="eve@example.org")
    walker.press("test")
    assert walker.sees(f"{mail_server.host} accepted it in")
    recipient = walker.another()
    recipient.open(mail_server.last.link)
    recipient.press("Yes, this email arrived")
    assert recipient.sees("Thank you.")
    walker.page.get_by_text("Arrived and opened").wait_for()
    walker.check_page()
    walker.open(f"{site.url}/settings/mail/round-trips/1")
    walker.press("ask")
    assert walker.sees("The public URL leads to this Mailroom.")
    assert walker.page.locator(".is-warning").count() == 0
    assert walker.complaints == recipient.complaints == []
