"""Read and validate what a request has besides its path. A refusal names each part that is not valid."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from flask import Request
from marshmallow import RAISE, Schema, ValidationError
from webargs.core import missing
from webargs.flaskparser import FlaskParser

from webapp.api import json_body, problems
from webapp.api.json_body import pointer
from webapp.web.problems import FieldError, Problem

MEDIA_TYPE = "application/json"
# The key of marshmallow's messages about a value as a whole.
WHOLE = "_schema"


class Parser(FlaskParser):
    """Reads the parts of a request as Mailroom's endpoints want it."""

    # A misspelled filter would show everything.
    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the JSON in the body, or `missing` without a body. Raises Problem."""
        body = req.get_data()
        if not body and not req.mimetype:
            return missing
        if req.mimetype != MEDIA_TYPE:
            raise Problem(415, f"The body must be {MEDIA_TYPE}.", headers={"Accept-Post": MEDIA_TYPE})
        return json_body.read(body)

    def handle_error(
        self,
        error: ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> NoReturn:
        """Refuse an invalid request. Raises Problem."""
        location, messages = next(iter(error.normalized_messages().items()))
        raise problems.invalid(list(field_errors(location, messages))) from None


def field_errors(location: str, messages: Any) -> Iterator[FieldError]:
    """Turn marshmallow's messages about the body, the query or the headers into errors that name the parts."""
    for path, text in _leaves(messages, ()):
        if location == "json":
            yield FieldError(text, pointer=pointer(*path))
        elif location == "query":
            yield FieldError(text, parameter=str(path[0] if path else ""))
        else:
            yield FieldError(text, header=str(path[0] if path else ""))


def _leaves(messages: Any, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _leaves(inner, path if name == WHOLE else (*path, name))
    elif isinstance(messages, list):
        for inner in messages:
            yield from _leaves(inner, path)
    else:
        yield path, str(messages)
