"""What applications ask about their emails takes no longer for a million of them."""

import pytest

from tests.support.query_plans import query_plans
from webapp.core.database import Database
from webapp.outbox.submissions import tracking
from webapp.outbox.submissions.tracking import Filter


@pytest.mark.one_database
def test_emails_to_somebody_are_found_by_their_messages(database: Database) -> None:
    wanted = Filter(state="failed", recipient="ada@people.example")
    (plan,) = query_plans(database, lambda session: tracking.newest(session, 1, wanted, "", 50))
    assert "SEARCH messages USING INDEX ix_messages_recipient_key (recipient_key=?)" in plan
    assert "ix_submissions_application_id (application_id=? AND id=?" in plan
