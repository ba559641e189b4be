"""Advice on a password that is being typed, for the script on the pages on which one is chosen."""

from flask import Response, jsonify, request

from webapp.accounts import tries
from webapp.accounts.blueprint import blueprint, limited, rules
from webapp.accounts.passwords.advice import advice
from webapp.accounts.sign_ins import sessions
from webapp.context import parts
from webapp.forms import LONGEST


@blueprint.post("/password-advice")
def password_advice() -> Response:
    """What would make this password better; none of it is kept or logged. Raises TooManyRequests."""
    if limited():
        with parts().database.writing() as session:
            tries.advice(session, sessions.client().address)
    found = advice(rules(), _sent("password"), _sent("email"), _sent("name"))
    return jsonify(text=found.text, good=found.good)


def _sent(field: str) -> str:
    return request.form.get(field, "")[:LONGEST]
