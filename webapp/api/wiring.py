"""What the API adds to the application."""

from flask import Flask, Response
from flask_smorest import Api as SmorestApi
from werkzeug.exceptions import HTTPException

from webapp.api import documentation, idempotency, messages, sending, status, users
from webapp.api.fields import PARTS, AttachmentSchema, MailboxSchema
from webapp.core.jobs import cleanup_job, register_jobs
from webapp.web import error_pages

TITLE = "Mailroom API"
VERSION = "1"
DESCRIPTION = (
    "Programs send email through Mailroom, see what became of it, and manage the people who use it. "
    "Each application is added in Settings → Applications, and authenticates with its secret."
)
BLUEPRINTS = (messages.blueprint, users.blueprint, status.blueprint)


class Api(SmorestApi):
    """flask-smorest with Mailroom's errors."""

    # Each endpoint lists its own.
    DEFAULT_ERROR_RESPONSE_NAME = None  # type: ignore[assignment]  # as its documentation allows

    def handle_http_exception(self, error: HTTPException) -> Response | HTTPException:
        """Leave errors, also those of pages, to Mailroom."""
        return error_pages.handle_http_error(error)


def init_app(app: Flask) -> None:
    """Add the endpoints, their document and the page that shows it."""
    app.config.update(API_TITLE=TITLE, API_VERSION=VERSION, OPENAPI_VERSION="3.1.0")
    api = Api(
        app,
        spec_kwargs={
            "info": {"description": DESCRIPTION},
            "servers": [{"url": "/"}],
            "security": [{"bearer": []}],
        },
    )
    api.spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "description": "The secret of an application."}
    )
    for name, part in PARTS.items():
        api.spec.components.schema(name, part)
    for schema in (MailboxSchema, AttachmentSchema):
        api.spec.components.schema(schema.__name__.removesuffix("Schema"), schema=schema)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    document = api.spec.to_dict()
    # Of flask-smorest's own errors and pages, which no endpoint has.
    for name in ("Error", "PaginationMetadata"):
        del document["components"]["schemas"][name]
    # What marshmallow checks in code.
    document["components"]["schemas"]["Message"]["anyOf"] = [{"required": ["text"]}, {"required": ["html"]}]
    documentation.init_app(app, document)
    sending.init_app(app)
    register_jobs(app, cleanup_job("delete old idempotency keys", idempotency.delete_old))
