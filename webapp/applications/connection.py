"""How programs reach Mailroom: what their administrators enter in them."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from webapp.core.config import Config
from webapp.core.hosts import parse_ip_address
from webapp.settings.service import General

API_PATH = "/api/v1"


@dataclass(frozen=True)
class SmtpSettings:
    """One address of the SMTP server. `security` is `tls`, `starttls`, or `none`: then only this machine may use it."""

    host: str
    port: int
    security: str


def smtp_settings(config: Config, general: General) -> list[SmtpSettings]:
    """Return where the SMTP server listens, as programs name it; nothing if it is off."""
    plain = "starttls" if config.submission_certificate else "none"
    return [
        SmtpSettings(_name(one.host, general), one.port, "tls" if one.implicit_tls else plain)
        for one in config.submission_addresses
    ]


def api_url(general: General) -> str:
    """Return the URL of the API; empty while there is no public URL."""
    return f"{general.public_url}{API_PATH}" if general.public_url else ""


def _name(host: str, general: General) -> str:
    """Return the host; that of the public URL if it stands for all addresses of this machine."""
    ip = parse_ip_address(host)
    return (urlsplit(general.public_url).hostname or host) if ip and ip.is_unspecified else host
