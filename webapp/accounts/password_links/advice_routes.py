"""Advice on a password that is being typed, for the script on the pages on which one is chosen."""

from flask import Response, jsonify, request

from webapp.accounts import throttles
from webapp.accounts.blueprint import blueprint, rules
from webapp.accounts.passwords.advice import advice
from webapp.accounts.sessions import browser
from webapp.core.app_state import app_state
from webapp.web.forms import MAX_TEXT_LENGTH


@blueprint.post("/password-advice")
def password_advice() -> Response:
    """What would make this password better; none of it is kept or logged. Raises TooManyRequests."""
    with app_state().database.transaction() as session:
        throttles.count_password_advice(session, browser.client().address)
    found = advice(rules(), _sent("password"), _sent("email"), _sent("name"))
    return jsonify(text=found.text, good=found.good)


def _sent(field: str) -> str:
    return request.form.get(field, "")[:MAX_TEXT_LENGTH]
