"""Where `mailroom sendmail` hands in email, and as which application."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

PREFIX, FILE = "MAILROOM_SENDMAIL_", "/etc/mailroom/sendmail.toml"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Failed(Exception):
    """It can't be done; the text says why, for standard error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Settings:
    """Where to hand in email, and as which application."""

    host: str = "127.0.0.1"
    port: int = 2525
    security: str = ""
    identifier: str = ""
    secret: str = field(default="", repr=False)
    sender: str = ""
    domain: str = ""

    def address(self, name: str) -> str:
        """Return an address with its domain. Raises Failed for a local user if no domain is configured."""
        domain = self.domain or self.sender.rpartition("@")[2]
        if "@" in name or not name:
            return name
        if not domain:
            raise Failed(os.EX_NOUSER, f"{name!r} has no domain, and neither domain nor from is configured")
        return f"{name}@{domain}"

    def sending_address(self, name: str) -> str:
        """Return a sender's address. A local user without a configured domain sends from the configured address."""
        return (
            name if "@" in name or not name else self.address(name) if self.domain or not self.sender else self.sender
        )


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the file, if there is one, and the environment. Raises Failed."""
    given = _file(Path(environ.get(f"{PREFIX}CONFIG") or FILE), required=f"{PREFIX}CONFIG" in environ)
    for name in ("host", "port", "security", "identifier", "secret_file", "from", "domain"):
        if value := environ.get(PREFIX + name.upper()):
            given[name] = value
    secret_file = given.pop("secret_file", None)
    if secret_file is not None:
        given["secret"] = _secret(str(secret_file))
    return _settings(given)


def _settings(given: dict[str, Any]) -> Settings:
    given["sender"] = given.pop("from", "")
    if unknown := set(given) - set(Settings.__dataclass_fields__):
        known = "host, port, security, identifier, secret_file, from, domain"
        raise Failed(os.EX_CONFIG, f"there is no setting {min(unknown)!r}; there are: {known}")
    try:
        given["port"] = int(given.get("port", 2525))
    except (ValueError, TypeError) as error:
        raise Failed(os.EX_CONFIG, "port must be a number") from error
    settings = Settings(**given)
    security = settings.security or ("none" if settings.host in LOOPBACK else "starttls")
    if security not in ("none", "starttls", "tls"):
        raise Failed(os.EX_CONFIG, "security must be none, starttls or tls")
    if bool(settings.identifier) != bool(settings.secret):
        raise Failed(os.EX_CONFIG, "identifier and secret_file belong together")
    if settings.secret and security == "none" and settings.host not in LOOPBACK:
        raise Failed(os.EX_CONFIG, "no secret is sent to another machine without TLS; set security to starttls or tls")
    return replace(settings, security=security)


def _file(path: Path, required: bool) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        if required:
            raise Failed(os.EX_CONFIG, f"{path}: there is no such file") from error
        return {}
    except OSError as error:
        raise Failed(os.EX_CONFIG, f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Failed(os.EX_CONFIG, f"{path}: this is not TOML ({error})") from error


def _secret(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Failed(os.EX_CONFIG, f"secret_file {path}: {reason}") from None
