"""What the pages say about a password while it is typed. It is looked at and forgotten: neither kept nor logged."""

from flask import jsonify, request
from werkzeug.wrappers import Response

from webapp.access import signed_in
from webapp.accounts import password_rules, sessions, strength, tries
from webapp.accounts.passwords import normalised
from webapp.accounts.routes import blueprint
from webapp.context import parts
from webapp.forms import LONGEST


@blueprint.post("/password-advice")
def password_advice() -> Response:
    """The first rule that the password breaks or else how good it is, and what would help: `score` and `texts`.

    The form's own address and name, if it has them, count among what is easy to guess.
    """
    if parts().config.rate_limits == "on":
        with parts().database.writing() as session:
            tries.password_advice(session, sessions.client().address)
    with parts().database.reading() as session:
        rules = password_rules.rules(session, parts().config, signed_in() if sessions.is_signed_in() else None)
    password, email, name = (request.form.get(field, "")[:LONGEST] for field in ("password", "email", "name"))
    rules, text = rules.of(email or rules.email, name), normalised(password)
    found = strength.estimate(text, rules.words)
    problem = rules.problem(text)
    texts = [problem or found.in_words, found.warning, *found.suggestions]
    said = list(dict.fromkeys(str(text) for text in texts if text))
    return jsonify(score=min(found.score, 1) if problem else found.score, texts=said)
