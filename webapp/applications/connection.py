"""How programs reach Mailroom: what their administrators enter in them."""

from dataclasses import dataclass

from webapp.core.config import Config
from webapp.core.hosts import is_loopback
from webapp.settings.service import General

API_PATH = "/api/v1"


@dataclass(frozen=True)
class SmtpSettings:
    """One address of the SMTP server. `security` is `tls`, `starttls`, or `none`: then only this machine may use it."""

    host: str
    port: int
    security: str

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine reach it."""
        return is_loopback(self.host)


def smtp_settings(_config: Config, _general: General) -> list[SmtpSettings]:
    """Return where the SMTP server listens, as programs name it; nothing if it is off."""
    return []


def api_url(general: General) -> str:
    """Return the URL of the API; empty while there is no public URL."""
    return f"{general.public_url}{API_PATH}" if general.public_url else ""
