"""How many requests an application may send, and the headers that tell it (draft-ietf-httpapi-ratelimit-headers-11)."""

from datetime import timedelta

from flask import Response
from sqlalchemy.orm import Session

from webapp.core import rate_limits
from webapp.core.rate_limits import Allowance, Limit

REQUESTS = Limit("api requests", 1200, timedelta(minutes=1))
POLICY = f'"requests";q={REQUESTS.times};w={REQUESTS.period.seconds}'


def count(session: Session, application_id: int) -> Allowance:
    """Count one request. Raises TooManyRequests."""
    return rate_limits.consume(session, REQUESTS, str(application_id))


def add_headers(response: Response, left: Allowance) -> None:
    """Tell how many requests are allowed, and how many more of them at the moment."""
    response.headers["RateLimit-Policy"] = POLICY
    response.headers["RateLimit"] = f'"requests";r={left.remaining};t={left.full_in}'
