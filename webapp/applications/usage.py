"""How applications are used: what of theirs was refused."""

from datetime import timedelta

from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.core import clock, counts

# The measure in `core.counts`: by reason, and by the id of the application if it is known.
REFUSALS = "submission_refusals"
# How far back the page looks.
PERIOD = timedelta(days=30)


def refusals(session: Session, application: Application) -> dict[str, int]:
    """Return how many emails of an application were refused in the last 30 days, by reason, the most frequent first."""
    found = counts.subjects_of(session, REFUSALS, str(application.id), clock.now() - PERIOD)
    return {reason: int(number) for reason, number in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))}
