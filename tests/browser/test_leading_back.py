"""The way back to an application, in a real browser."""

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.applications import add_application
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts import return_to
from webapp.accounts.models import User, UserState
from webapp.accounts.password_links import service
from webapp.core.app_state import AppState
from webapp.settings import service as settings

NEW_PASSWORD = "another long sentence 8"


def test_a_person_activates_the_account_and_goes_on_to_the_application(
    walker: Walker, site: Site, inside: AppState, mail_server: Inbox
) -> None:
    mail_server.save_to(inside)
    mail_server.messages.clear()
    user_id = add_user(inside.database, "pat@mailroom.example", state=UserState.PENDING)
    shop = add_application(inside.database, "The Shop", return_urls=[site.url])
    with inside.database.transaction() as session:
        settings.save_general(session, site.url, "Mailroom", "help@mailroom.example")
        back = return_to.allow(shop, f"{site.url}/healthz?from=mail")
        service.enqueue_activation(session, session.get_one(User, user_id), back)
    link = mail_server.wait(1)[-1].link
    walker.open(link)
    walker.fill(password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    walker.press("Activate and sign in")
    assert walker.sees("This leads to")
    walker.page.get_by_role("link", name="Continue to The Shop").click()
    walker.page.wait_for_url("**/healthz?from=mail")
    # The link in the email leads there again.
    walker.open(link)
    assert walker.sees("This link has already been used.")
    assert walker.sees("Continue to The Shop")
    assert walker.complaints == []
