"""An application that hands emails in."""

from collections.abc import Callable

import pytest

from tests.support.applications import add_application, submit
from webapp.applications.models import Application
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.outbox.submissions.models import Submission
from webapp.outbox.submissions.service import Handed

EMAIL = b"From: Shop <orders@shop.example>\r\nTo: ada@people.example\r\nSubject: Your order\r\n\r\nThank you.\r\n"
HandIn = Callable[..., Submission]


@pytest.fixture
def shop(database: Database) -> Application:
    """An application that may send from shop.example."""
    return add_application(database)


@pytest.fixture
def hand_in(state: AppState, shop: Application) -> HandIn:
    """Hand in an email of the shop."""

    def hand_in_email(*recipients: str, content: bytes = EMAIL, sender: str = "orders@shop.example") -> Submission:
        handed = Handed(sender, recipients or ("ada@people.example",), content)
        with state.database.transaction() as session:
            return submit(session, state.sealer, session.get_one(Application, shop.id), handed)

    return hand_in_email
