"""A change of the mail server after which email fails, undone from Home, in a real browser."""

from sqlalchemy import select

from tests.browser.conftest import ADA
from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.inbox import PASSWORD as MAIL_PASSWORD
from tests.support.inbox import SENDER, USERNAME, Inbox
from tests.support.running import free_port, until
from webapp.core.app_state import AppState
from webapp.mail.revisions.models import Revision
from webapp.outbox import service as outbox


def save(visitor: Walker, site: Site, server: Inbox, port: int) -> None:
    visitor.open(f"{site.url}/settings/mail", check=False)
    visitor.fill(mail_from=SENDER, host=server.host, port=str(port), security="starttls", test_recipient=ADA)
    visitor.fill(authentication="password", username=USERNAME, password=MAIL_PASSWORD)
    visitor.press("save", check=False)


def test_a_bad_change_is_undone_with_one_click(
    visitor: Walker, site: Site, inside: AppState, mail_server: Inbox
) -> None:
    save(visitor, site, mail_server, mail_server.port)
    visitor.press("test", check=False)
    visitor.close_dialog()
    save(visitor, site, mail_server, free_port())
    with inside.database.transaction() as session:
        outbox.enqueue(session, "activated", ADA)
    until(lambda: is_failing(inside))
    visitor.open(f"{site.url}/")
    assert visitor.sees("Mail is not going out")
    assert visitor.sees(f"{ADA} changed Port of Custom on")
    visitor.follow("Compare")
    assert visitor.sees("Revision 2:")
    visitor.press("Restore revision 1")
    assert visitor.sees("Revision 1 is restored")
    until(lambda: mail_server.last.rcpt_to == [ADA])
    visitor.follow("Revisions")
    assert visitor.sees("Restored from revision 1")
    visitor.follow("Restore revision 2")
    assert visitor.complaints == []


def is_failing(inside: AppState) -> bool:
    with inside.database.read() as session:
        return session.scalar(select(Revision.rollback_to).where(Revision.number == 2)) is not None
