"""Revisions in words: what was changed, by whom, the values of fields."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _

from webapp.audit import registry
from webapp.core import certificates
from webapp.core.actor import SETTINGS_FILE
from webapp.core.certificates import CertificateFacts
from webapp.core.formatting import format_list
from webapp.mail.servers import TRUST
from webapp.providers.oauth2 import LABELS
from webapp.providers.registry import get_providers

# Of a fingerprint: eight bytes, to tell certificates of the same name apart.
FINGERPRINT_LENGTH = 23


def fields(names: Iterable[str]) -> str:
    """Name fields, such as “Host and Port”."""
    return format_list(registry.field_labels(names))


def field(name: str) -> str:
    """Name one field."""
    return registry.field_labels([name])[0]


def author(name: str) -> str:
    """Name who made a change: an address, the settings file, or Mailroom itself."""
    if name == SETTINGS_FILE.email:
        return _("Settings file")
    return name or _("Mailroom")


def value(name: str, given: Any) -> str:
    """Word the value of a field; empty if there is none."""
    if given is None or given == "" or given == []:
        return ""
    if isinstance(given, bool):
        return _("yes") if given else _("no")
    if isinstance(given, list):
        return format_list(str(one) for one in given)
    if name == "secret_expires_on":
        return str(format_date(date.fromisoformat(given), "medium"))
    if name in TRUST:
        return _certificates(given)
    return str(_choices(name).get(given, given))


def _certificates(pem: str) -> str:
    """Name certificates by their subjects and the beginnings of their fingerprints."""
    facts = [CertificateFacts.of(one) for one in certificates.parse(pem)]
    return format_list(f"{one.subject} ({one.fingerprint[:FINGERPRINT_LENGTH]}…)" for one in facts)


def _choices(name: str) -> Mapping[Any, Any]:
    """Return what the values of a field are called, if it has choices."""
    if name == "provider":
        return {one.key: one.label for one in get_providers()}
    if name == "security":
        return {"starttls": "STARTTLS", "tls": "TLS", "none": _("not encrypted")}
    if name == "proxy_type":
        return {"none": _("No proxy"), "http": "HTTP", "socks5": "SOCKS5"}
    return {"none": _("None"), "password": _("Password"), **LABELS} if name == "authentication" else {}
