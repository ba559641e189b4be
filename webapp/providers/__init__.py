"""What a plugin author imports, and all they import. See docs/writing-a-provider.md."""

from flask_babel import lazy_gettext as _

from webapp.providers.authentication import Account, Authentication, Dialogue, NoAuthentication, Password
from webapp.providers.diagnosis import Diagnosis, Explanation, Failure, Text
from webapp.providers.hookspecs import hookimpl
from webapp.providers.oauth2 import Expected, Grant, OAuth2
from webapp.providers.provider import Connection, Provider, Security

__all__ = [
    "Account",
    "Authentication",
    "Connection",
    "Diagnosis",
    "Dialogue",
    "Expected",
    "Explanation",
    "Failure",
    "Grant",
    "NoAuthentication",
    "OAuth2",
    "Password",
    "Provider",
    "Security",
    "Text",
    "_",
    "hookimpl",
]  # fmt: skip
