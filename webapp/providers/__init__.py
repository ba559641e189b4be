"""What a plugin author imports, and all they import. See docs/writing-a-provider.md."""

from webapp.core.i18n import lazy_gettext as _
from webapp.providers.authentication import Account, Authentication, NoAuthentication, Password, SmtpDialogue
from webapp.providers.causes import Cause
from webapp.providers.diagnosis import Diagnosis, DiagnosisRule, Failure, Text
from webapp.providers.hookspecs import hookimpl
from webapp.providers.oauth2 import ExpectedClaims, GrantType, OAuth2
from webapp.providers.provider import Connection, Dns, Limits, Provider, Security

__all__ = [
    "Account",
    "Authentication",
    "Cause",
    "Connection",
    "Diagnosis",
    "DiagnosisRule",
    "Dns",
    "ExpectedClaims",
    "Failure",
    "GrantType",
    "Limits",
    "NoAuthentication",
    "OAuth2",
    "Password",
    "Provider",
    "Security",
    "SmtpDialogue",
    "Text",
    "_",
    "hookimpl",
]  # fmt: skip
