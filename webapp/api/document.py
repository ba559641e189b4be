"""The OpenAPI document of all endpoints."""

from functools import cache
from typing import Any

from flask import Flask
from flask_smorest import Api as SmorestApi

from webapp.api import messages, status, users
from webapp.api.fields import PARTS, AttachmentSchema, MailboxSchema

TITLE = "Mailroom API"
VERSION = "1"
DESCRIPTION = (
    "Programs send email through Mailroom, see what became of it, and manage the people who use it. "
    "Each application is added in Settings → Applications, and authenticates with its secret."
)
BLUEPRINTS = (messages.blueprint, users.blueprint, status.blueprint)
Json = dict[str, Any]


class Api(SmorestApi):
    """flask-smorest without its errors."""

    # Each endpoint lists its own.
    DEFAULT_ERROR_RESPONSE_NAME = None  # type: ignore[assignment]  # as its documentation allows


@cache
def openapi_document() -> Json:
    """Return the document, which nobody may change.

    It depends on nothing but the code, and few processes show it, so it is made when it is first wanted,
    by an application of its own that serves nothing.
    """
    app = Flask(__name__)
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
    document: Json = api.spec.to_dict()
    # Of flask-smorest's own errors and pages, which no endpoint has.
    for name in ("Error", "PaginationMetadata"):
        del document["components"]["schemas"][name]
    # What marshmallow checks in code.
    document["components"]["schemas"]["Message"]["anyOf"] = [{"required": ["text"]}, {"required": ["html"]}]
    return document
