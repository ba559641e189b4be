"""Applications, as an administrator would have set them up."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.applications.models import Application, ApplicationSecret
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.errors import MailroomError
from webapp.core.sealing import Sealer, sha256_hex
from webapp.outbox.submissions.models import Submission
from webapp.outbox.submissions.service import Handed, submit_all

IDENTIFIER, SECRET = "app_shop", "the secret of the shop, long enough for one"


def add_application(database: Database, name: str = "Shop", secret: str = SECRET, **values: Any) -> Application:
    """Save an application that may send from shop.example, with one secret; return it."""
    usual = {"identifier": IDENTIFIER, "may_send": True, "allowed_senders": ["shop.example"], "created_at": clock.now()}
    with database.transaction() as session:
        application = Application(name=name, **(usual | values))
        application.secrets.append(ApplicationSecret(secret_hash=sha256_hex(secret), created_at=clock.now()))
        session.add(application)
    return application


def submit(session: Session, sealer: Sealer, application: Application, handed: Handed) -> Submission:
    """Hand in one email. Raises why it is refused."""
    (result,) = submit_all(session, sealer, [(application, handed)])
    if isinstance(result, MailroomError):
        raise result
    return session.scalars(select(Submission).where(Submission.public_id == result)).one()
