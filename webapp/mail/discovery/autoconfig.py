"""Settings that a domain publishes for mail programs: Mozilla's autoconfig, over https only.

https://www.bucksch.org/1/projects/thunderbird/autoconfiguration/config-file-format.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Neither external nor internal entities get that far: a document type is refused, and the parser fetches nothing.
from xml.etree import ElementTree as Xml

from webapp.core import http_client
from webapp.core.hosts import is_internet_name

URLS = (
    "https://autoconfig.{domain}/mail/config-v1.1.xml",
    "https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
)
MAX_SIZE = 64 * 1024
SECURITY = {"SSL": "tls", "STARTTLS": "starttls"}
MAX_USERNAME = 320


@dataclass(frozen=True)
class Settings:
    """Where a mail service accepts email from programs. The user name is empty if it isn't known."""

    host: str
    port: int
    security: str
    username: str = ""


def fetch(url: str, domain: str, address: str, seconds: float) -> Settings | None:
    """Return the settings at a URL; None if there are none, or none that can be used."""
    try:
        response = http_client.get(url, {"Accept": "application/xml, text/xml"}, timeout=seconds)
    except (OSError, ValueError):
        return None
    return read(response.body, domain, address) if response.status == 200 else None


def read(document: bytes, domain: str, address: str) -> Settings | None:
    """Return the first encrypted outgoing server of a document for an address, or a domain if that is empty."""
    root = _parse(document)
    if root is None:
        return None
    servers = root.iterfind("./emailProvider/outgoingServer")
    return next((one for server in servers for one in _settings(server, domain, address)), None)


def _parse(document: bytes) -> Xml.Element | None:
    if len(document) > MAX_SIZE:
        return None
    try:
        # As a text, it can't hide anything in another encoding.
        text = document.decode("utf-8-sig")
        if "<!DOCTYPE" in text:
            return None
        return Xml.fromstring(text)  # noqa: S314 -- without a document type, there are no entities
    except (UnicodeDecodeError, Xml.ParseError, ValueError):
        return None


def _settings(server: Xml.Element, domain: str, address: str) -> Iterator[Settings]:
    host = _text(server, "hostname").replace("%EMAILDOMAIN%", domain).lower()
    port, security = _text(server, "port"), SECURITY.get(_text(server, "socketType").upper())
    usable = re.fullmatch(r"[1-9][0-9]{0,4}", port, re.ASCII) and int(port) <= 65535 and is_internet_name(host)
    if server.get("type", "smtp").lower() == "smtp" and security and usable:
        yield Settings(host, int(port), security, _username(_text(server, "username"), domain, address))


def _username(text: str, domain: str, address: str) -> str:
    parts = {"%EMAILADDRESS%": address, "%EMAILLOCALPART%": address.rpartition("@")[0], "%EMAILDOMAIN%": domain}
    if not address and ("%EMAILADDRESS%" in text or "%EMAILLOCALPART%" in text):
        return ""
    for name, value in parts.items():
        text = text.replace(name, value)
    return text if len(text) <= MAX_USERNAME and text.isprintable() and "%" not in text else ""


def _text(element: Xml.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()
