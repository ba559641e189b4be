"""Errors of the HTTP API: problem details (RFC 9457) in place of pages, always in English."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, request

from webapp.core.errors import MailroomError

# Everything below it is for programs: no cookies, no CSRF tokens, no languages, and errors in JSON.
API_PREFIX = "/api/"
MEDIA_TYPE = "application/problem+json"
# The type of a problem that its status explains (RFC 9457, 4.2.1).
NO_TYPE = "about:blank"
# Seconds after which it makes sense to try again, where nothing better is known.
RETRY_AFTER = {429: 60, 503: 5}
DETAILS = {
    400: "The request can't be read.",
    404: "There is nothing at this URL.",
    405: "This URL doesn't have this method; the header Allow names those that it has.",
    413: "The request is larger than Mailroom accepts.",
    414: "The URL is longer than Mailroom accepts.",
    431: "The headers of the request are larger than Mailroom accepts.",
    429: "There were too many requests. The header Retry-After says when to try again.",
    500: "Something went wrong on Mailroom's side, and has been logged. The request wasn't carried out.",
    503: "Mailroom can't answer at the moment. Nothing was changed. Please try again.",
}


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one part of a request.

    `pointer` is a JSON pointer into the body, as a URI fragment (RFC 6901, 6); else `parameter` or `header` names it.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None

    def to_json(self) -> dict[str, str]:
        """Return what is known of it."""
        return {name: value for name, value in vars(self).items() if value is not None}


class Problem(MailroomError):
    """The API refuses a request; nothing was changed."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        type_: str = NO_TYPE,
        title: str = "",
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.type, self.errors = status, detail, type_, errors
        self.title = title or HTTPStatus(status).phrase
        self.headers = headers or {}


def is_api_request() -> bool:
    """Return whether the current request is for the API."""
    return request.path.startswith(API_PREFIX)


def problem_body(problem: Problem) -> bytes:
    """Return a problem as JSON."""
    found = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail or DETAILS.get(problem.status, ""),
        "errors": [error.to_json() for error in problem.errors],
    }
    return (json.dumps({name: value for name, value in found.items() if value != []}) + "\n").encode()


def problem_response(problem: Problem) -> Response:
    """Return the response that tells of a problem."""
    headers = dict(problem.headers)
    if problem.status in RETRY_AFTER:
        headers.setdefault("Retry-After", str(RETRY_AFTER[problem.status]))
    return Response(problem_body(problem), problem.status, headers, content_type=MEDIA_TYPE)
