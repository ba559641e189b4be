"""Where an application wants people led back to once they have chosen a password.

It travels as data with each message and link, so that copies, codes and replacements keep it, and it is checked twice:
when the application asks for the link, and when the person is led back.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.models import Link
from webapp.applications.models import Application
from webapp.core import return_urls
from webapp.core.errors import MailroomError
from webapp.core.i18n import lazy_gettext as _
from webapp.outbox import service as outbox

# The key of a message's data.
KEY = "return_to"
# What is kept: the id of the application, and the URL.
ReturnTo = dict[str, Any]


class ReturnUrlNotAllowed(MailroomError):
    """The application may not lead people to this URL."""

    def __init__(self, allowed: Iterable[str]) -> None:
        listed = ", ".join(allowed)
        super().__init__(
            _("The application may only lead people to URLs that begin with one of these: %(allowed)s.", allowed=listed)
            if listed
            else _("The application may not lead people anywhere yet: its return URLs are empty.")
        )


class WayBack(NamedTuple):
    """The application that a person is led back to: its name, the URL, and the host to show with it."""

    name: str
    url: str
    host: str


def allow(application: Application, url: str) -> ReturnTo | None:
    """Return what is kept of a URL; None for an empty one. Raises InvalidReturnUrl, ReturnUrlNotAllowed."""
    if not url:
        return None
    if not return_urls.is_allowed(return_urls.parse(url), application.return_urls):
        raise ReturnUrlNotAllowed(application.return_urls)
    return {"application": application.id, "url": url}


def find(session: Session, kept: ReturnTo | None) -> WayBack | None:
    """Return where to lead a person; None if the application was deleted or disabled, or has other URLs now."""
    application = session.get(Application, kept["application"]) if kept else None
    if kept is None or application is None or application.disabled_at:
        return None
    url = return_urls.parse(kept["url"])
    if not return_urls.is_allowed(url, application.return_urls):
        return None
    return WayBack(application.name, kept["url"], url.host)


def data_of(kept: ReturnTo | None) -> dict[str, Any]:
    """Return the data of a message whose link leads back."""
    return {KEY: kept} if kept else {}


def last_of(session: Session, user_ids: list[int], kind: str) -> dict[int, ReturnTo]:
    """Return where the newest link or message of this kind leads back to, by user, for another one in its place."""
    issued = select(Link.user_id, Link.return_to).where(Link.user_id.in_(user_ids), Link.purpose == kind)
    found = {user_id: kept for user_id, kept in session.execute(issued.order_by(Link.id)) if kept}
    queued = outbox.newest_data(session, kind, user_ids)
    return found | {user_id: data[KEY] for user_id, data in queued.items() if KEY in data}
