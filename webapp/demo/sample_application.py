"""The application of the demo. Its secret is public: the demo listens on loopback only."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.applications import service
from webapp.applications.models import Application
from webapp.applications.values import Values
from webapp.settings import service as settings

NAME, IDENTIFIER = "Sample shop", "app_demo"
SECRET = "demo-secret-of-the-sample-shop-0001"  # noqa: S105
SENDER = "shop.example"
# The first port to try for the SMTP server.
PORT = 2525
# So that the outbox shows delivered emails, too. Usually, content is deleted then.
CONTENT_DAYS = 7


def create(session: Session) -> None:
    """Create the application, and keep the content of its emails, if there are no applications yet."""
    if session.scalar(select(Application.id).limit(1)) is None:
        service.create(session, Values(NAME, may_send=True, allowed_senders=[SENDER]), SECRET, IDENTIFIER)
        settings.save_content_days(session, CONTENT_DAYS)


def welcome(port: int) -> list[str]:
    """Return the lines of the demo's greeting about the application."""
    return [
        f"  Email by SMTP           127.0.0.1 port {port}, from any address at {SENDER}",
        f"  {NAME:<22}  {IDENTIFIER}  secret: {SECRET}",
    ]
