"""Which application sends a request: `Authorization: Bearer SECRET`, and nothing else, least of all a cookie."""

from flask import request
from werkzeug.datastructures import Authorization

from webapp.api import problems
from webapp.applications import credentials
from webapp.applications.credentials import ApplicationDisabled, InvalidCredentials, NetworkNotAllowed
from webapp.applications.models import Application
from webapp.core.app_state import app_state
from webapp.web.client import current_client
from webapp.web.problems import Problem

CHALLENGE = 'Bearer realm="Mailroom"'


def authenticate() -> Application:
    """Return the application whose secret the request has. Raises Problem, TooManyRequests."""
    given: Authorization | None = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise _unauthenticated(CHALLENGE)
    identifier, _, secret = given.token.rpartition(":")
    try:
        return credentials.authenticate(app_state().database, secret, current_client().ip_address, identifier)
    except InvalidCredentials:
        raise _unauthenticated(f'{CHALLENGE}, error="invalid_token"') from None
    except ApplicationDisabled:
        raise problems.APPLICATION_DISABLED.problem() from None
    except NetworkNotAllowed:
        raise problems.NETWORK_NOT_ALLOWED.problem() from None


def _unauthenticated(challenge: str) -> Problem:
    return problems.UNAUTHENTICATED.problem(headers={"WWW-Authenticate": challenge})
