"""How often mail servers can be checked, so that nobody scans networks or floods a server with checks."""

from datetime import timedelta

from sqlalchemy.orm import Session

from webapp.core import rate_limits
from webapp.core.rate_limits import Limit

BY_ADMINISTRATOR = Limit("mail server checks", 20, timedelta(minutes=10))
IN_ALL = Limit("mail server checks in all", 60, timedelta(minutes=10))


def count(session: Session, user_id: int) -> None:
    """Count a check by this administrator. Raises TooManyRequests."""
    rate_limits.consume(session, BY_ADMINISTRATOR, str(user_id))
    rate_limits.consume(session, IN_ALL, "")
