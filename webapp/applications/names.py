"""The names of applications, for lists of what they did."""

from flask import g, has_request_context
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.applications.values import name_key
from webapp.core.app_state import app_state


def names(session: Session) -> dict[int, str]:
    """Return the names of all applications, by id, in their order."""
    found = session.execute(select(Application.id, Application.name)).all()
    return dict(sorted(((number, name) for number, name in found), key=lambda pair: name_key(pair[1])))


def known_names() -> dict[int, str]:
    """Return the same, read once in a request."""
    if has_request_context() and "application_names" in g:
        known: dict[int, str] = g.application_names
        return known
    with app_state().database.read() as session:
        found = names(session)
    if has_request_context():
        g.application_names = found
    return found


def application_name(application_id: int | None) -> str:
    """Return the name of an application; empty if it was deleted."""
    return known_names().get(application_id or 0, "")
