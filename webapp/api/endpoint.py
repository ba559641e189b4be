"""Endpoints: a function for each, and around it what all of them have in common.

In this order: authenticate, read and validate the request, open the transaction, count the request, look for the same
one sent before, and only then do what the endpoint is for. Its part of the OpenAPI document comes from the same
declaration.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import wraps
from typing import Any

from flask import Response, g, request
from flask_smorest.blueprint import Blueprint as SmorestBlueprint
from marshmallow import Schema
from sqlalchemy.orm import Session

from webapp.api import idempotency, limits, problems
from webapp.api.authentication import authenticate
from webapp.api.idempotency import RequestKey
from webapp.api.parsing import Parser
from webapp.api.problems import Kind
from webapp.api.replies import Reply
from webapp.api.schemas import IdempotencySchema, ProblemSchema
from webapp.applications.models import Application
from webapp.core.actor import Actor, set_actor
from webapp.core.app_state import app_state
from webapp.core.config import MAX_REQUEST_SIZE, MAX_UPLOAD_SIZE
from webapp.core.database import DATABASE_UNAVAILABLE
from webapp.core.errors import MailroomError
from webapp.core.rate_limits import Allowance
from webapp.web import problems as web_problems
from webapp.web.client import current_client
from webapp.web.security import accepts_uploads

PREFIX = "/api/v1"
STRING = {"schema": {"type": "string"}}
HEADERS = {
    "RateLimit-Policy": {**STRING, "description": "How many requests are allowed (`q`) in how many seconds (`w`)."},
    "RateLimit": {**STRING, "description": "How many more are allowed now (`r`); all again after `t` seconds."},
}
# Of statuses without a kind, for the document.
OTHER_PROBLEMS = {
    400: "Malformed request",
    404: "Not found",
    413: "Too large",
    415: "Not JSON",
    429: "Too many requests",
    500: "Failure",
    503: "Unavailable for now",
}


class Permission(Enum):
    """What an application must be allowed to do to use an endpoint."""

    NONE = ""
    SEND = "may_send"
    USERS = "may_manage_users"


@dataclass(frozen=True)
class ApiRequest:
    """A valid request of an application. `body` and `query` are empty if it has none; `key` is its Idempotency-Key."""

    application: Application
    body: Mapping[str, Any]
    query: Mapping[str, Any]
    key: RequestKey | None


@dataclass(frozen=True)
class Call(ApiRequest):
    """A request in its transaction."""

    session: Session


@dataclass(frozen=True)
class Counted:
    """What became of a request that was counted: a reply, or why it was refused."""

    reply: Reply | MailroomError
    allowance: Allowance


View = Callable[..., Any]


@dataclass(frozen=True)
class Answer:
    """What an endpoint answers if all is well, for the document.

    `links` are the functions of operations on what is returned, each with the parameters that it takes from there.
    """

    schema: type[Schema] | None
    example: Mapping[str, Any] | None
    status: int = 200
    description: str = "Done"
    headers: Mapping[str, Any] | None = None
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Blueprint(SmorestBlueprint):
    """The endpoints of one kind of resource; `name` is the title of their section in the document."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, __name__, url_prefix=PREFIX, description=description)
        self.after_request(_add_rate_limit)

    def operation(
        self,
        method: str,
        path: str,
        *,
        permission: Permission,
        answer: Answer,
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
        body_required: bool = True,
        examples: Mapping[str, Any] | None = None,
        refusals: Sequence[Kind] = (),
        parameters: Sequence[Mapping[str, Any]] = (),
        large: bool = False,
        batched: bool = False,
    ) -> Callable[[View], View]:
        """Declare an endpoint; the function gets a Call and the parameters of the path.

        It may raise Problem and the errors of its `refusals`.

        `examples` are those of the body, by name. `large` ones take MAX_UPLOAD_SIZE bytes. A `batched` one gets an
        ApiRequest without a transaction, has to count it and to heed its key, and returns Counted.
        """
        repeatable = method == "POST"

        def decorate(view: View) -> View:
            work: Any = _parsed(_batched(view) if batched else _in_transaction(view, refusals), query, body, repeatable)
            if repeatable:
                work = self.arguments(IdempotencySchema(), location="headers")(work)
            if body:
                shown = {name: {"value": value} for name, value in (examples or {}).items()} or None
                work = self.arguments(body(), required=body_required, examples=shown)(work)
            if query:
                work = self.arguments(query(), location="query")(work)
            work = _authenticated(work, permission, MAX_UPLOAD_SIZE if large else MAX_REQUEST_SIZE)
            work = self._documented(work, answer, _refusals(permission, query, body, repeatable, path, refusals))
            if large:
                work = accepts_uploads(work)
            self.route(path, methods=[method], parameters=list(parameters), endpoint=view.__name__)(work)
            return view

        return decorate

    def _documented(self, work: Any, answer: Answer, refusals: Mapping[int, Sequence[str]]) -> Any:
        # All in one decorator: each is called with every request.
        content = {web_problems.MEDIA_TYPE: {"schema": ProblemSchema}}
        responses: dict[int, Any] = {
            status: {"description": "; ".join(texts), "content": content} for status, texts in refusals.items()
        }
        links = {name: {"operationId": name, "parameters": dict(given)} for name, given in answer.links.items()}
        if links:
            responses[answer.status] = {"links": links}
        work = self.doc(operationId=work.__name__, responses=responses)(work)
        return self.response(
            answer.status,
            answer.schema,
            description=answer.description,
            example=answer.example,
            headers={**HEADERS, **(answer.headers or {})},
        )(work)


def _add_rate_limit(response: Response) -> Response:
    if "api_allowance" in g:
        limits.add_headers(response, g.api_allowance)
    return response


def _authenticated(work: Callable[..., Response], permission: Permission, max_size: int) -> Callable[..., Response]:
    """Let only applications with this permission go on, and count their requests whatever becomes of them."""

    @wraps(work)
    def checked(**path: Any) -> Response:
        application = g.api_application = authenticate()
        client = current_client()
        set_actor(Actor(ip_address=client.ip_address, user_agent=client.user_agent, application=application.name))
        # Strangers were allowed less.
        request.max_content_length = max_size
        try:
            if permission.value and not getattr(application, permission.value):
                raise problems.PERMISSION_MISSING.problem()
            return work(**path)
        except DATABASE_UNAVAILABLE:
            raise
        except Exception:
            if "api_allowance" not in g:
                # It wasn't counted yet, or the transaction in which it was is undone.
                with app_state().database.transaction() as session:
                    g.api_allowance = limits.count(session, application.id)
            raise

    return checked


def _parsed(
    work: Callable[..., Reply], query: type[Schema] | None, body: type[Schema] | None, repeatable: bool
) -> Callable[..., Response]:
    """Gather what the decorators have read and validated."""

    @wraps(work)
    def respond(*parsed: Mapping[str, Any], **path: Any) -> Response:
        # In the order of the decorators, from the outermost.
        given = iter(parsed)
        found_query = next(given) if query else {}
        found_body = next(given) if body else {}
        key, application = next(given).get("key") if repeatable else None, g.api_application
        request_key = RequestKey.of_request(application.id, key) if key else None
        return work(ApiRequest(application, found_body, found_query, request_key), **path).to_response()

    return respond


def _in_transaction(view: View, refusals: Sequence[Kind]) -> Callable[..., Reply]:
    def answer(call: Call, **path: Any) -> Reply:
        try:
            found: Reply = view(call, **path)
        except MailroomError as error:
            raise problems.translated(error, refusals) from None
        return found

    @wraps(view)
    def work(asked: ApiRequest, **path: Any) -> Reply:
        state = app_state()
        with state.database.transaction() as session:
            allowance = limits.count(session, asked.application.id)
            call = Call(asked.application, asked.body, asked.query, asked.key, session)
            if asked.key is None:
                reply = answer(call, **path)
            else:
                reply = idempotency.once(session, state.sealer, asked.key, lambda: answer(call, **path))
        g.api_allowance = allowance
        return reply

    return work


def _batched(view: Callable[..., Counted]) -> Callable[..., Reply]:
    @wraps(view)
    def work(asked: ApiRequest, **path: Any) -> Reply:
        counted = view(asked, **path)
        g.api_allowance = counted.allowance
        if isinstance(counted.reply, MailroomError):
            raise counted.reply
        return counted.reply

    return work


def _refusals(
    permission: Permission,
    query: type[Schema] | None,
    body: type[Schema] | None,
    repeatable: bool,
    path: str,
    kinds: Sequence[Kind],
) -> dict[int, list[str]]:
    """Return the statuses of problems that an endpoint may have, each with what they mean."""
    found: dict[int, list[str]] = {}
    general = [problems.UNAUTHENTICATED, problems.APPLICATION_DISABLED, problems.NETWORK_NOT_ALLOWED]
    if permission is not Permission.NONE:
        general.append(problems.PERMISSION_MISSING)
    if query or body or repeatable:
        general.append(problems.INVALID_REQUEST)
    if repeatable:
        general.append(problems.KEY_REUSED)
    for kind in (*general, *kinds):
        found.setdefault(kind.status, []).append(kind.title)
    statuses = {429, 500, 503} | ({400, 413, 415} if body else set()) | ({404} if "<" in path else set())
    for status in statuses:
        found.setdefault(status, []).append(OTHER_PROBLEMS[status])
    return dict(sorted(found.items()))
