"""Every setting of the process, once: its environment variable, type, default and one line of help."""

import contextlib
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "MAILROOM_"

MIN_KEY_LENGTH = 16
# The file in the instance folder that holds a generated key.
OWN_SECRET_KEY = "secret-key"  # noqa: S105 -- the name of a file

# Browsers keep no cookie for longer (RFC 6265bis, 5.6.1).
MAX_COOKIE_AGE = timedelta(days=400)
# All fields of a page at their longest, several times over, so that even text pasted by mistake comes back with
# a message beside the field. A form of some megabytes of `%41` keeps a core busy for a second before it is refused.
MAX_ANONYMOUS_REQUEST_SIZE = 256 * 1024
# Of signed-in users: such a form again, sealed while the password is asked for.
MAX_REQUEST_SIZE = 2 * MAX_ANONYMOUS_REQUEST_SIZE

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
CHOICES = {"rate_limits": ("on", "off"), "log_format": ("json", "text"), "demo": ("on", "off")}
SCHEMES = {
    "database_url": ("sqlite:///", "postgresql://", "postgresql+psycopg://"),
    "queue_url": ("sqlite:///", "redis://", "rediss://"),
}


class ConfigError(Exception):
    """A setting is missing or cannot be used; the text names the variable and what to do."""


def setting(text: str, default: Any = "", secret: bool = False) -> Any:
    """Declare one setting. A secret may also be given as the path of a file, in `<NAME>_FILE`."""
    return field(default=default, repr=not secret, metadata={"help": text, "secret": secret})


@dataclass(frozen=True)
class Config:
    """The settings as the environment gives them; see `Config.from_environment`."""

    instance: Path = setting("Folder for what the application writes.", Path("instance"))
    secret_key: str = setting(
        "Key under which all others are sealed; while it changes, the new one and the old, separated by a comma.",
        secret=True,
    )
    secret_key_file: Path = setting("File that holds it instead; a change is noticed while Mailroom runs.", Path())
    database_url: str = setting("SQLAlchemy address of the database.", secret=True)
    queue_url: str = setting("Where wake-ups for the worker wait: sqlite:///… or redis://….", secret=True)
    public_url: str = setting("Address people reach Mailroom at; fixes the one on the General page.")
    plugin_dir: str = setting(f"Folders with provider files, separated by {os.pathsep!r}.")
    trusted_proxies: str = setting("Networks whose X-Forwarded-* headers are believed, separated by commas.")
    rate_limits: str = setting("'on', or 'off' for load tests on loopback.", "on")
    log_format: str = setting("'json' or 'text'.", "json")
    demo: str = setting("'on' in the demo only: shows the demo accounts and the local inbox.", "off")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read every `MAILROOM_*` setting, fill in the defaults and check them.

        Raises ConfigError, naming the variable. Writes the secret key into the instance
        folder (mode 0600) when none is given and the database is SQLite.
        """
        values = {f.name: _read(f.name, f.metadata["secret"], environ) for f in fields(cls)}
        given = {name: value for name, value in values.items() if value is not None}
        return cls.complete(**given)

    @classmethod
    def complete(cls, **given: Any) -> "Config":
        """The configuration with its derived defaults filled in, checked. Raises ConfigError."""
        instance = Path(given.get("instance", cls.instance)).resolve()
        try:
            instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{PREFIX}INSTANCE: {instance} cannot be made ({error.strerror}).") from error
        given["instance"] = instance
        given.setdefault("database_url", f"sqlite:///{instance / 'mailroom.sqlite'}")
        given.setdefault("queue_url", f"sqlite:///{instance / 'queue.sqlite'}")
        if not given.get("secret_key") and not given.get("secret_key_file"):
            given["secret_key_file"] = _own_secret_key(instance, given["database_url"])
        config = cls(**given)
        config._check()
        return config

    @property
    def secret_keys(self) -> list[str]:
        """The current key, then those it replaces; from a file as it is at this moment. Raises ConfigError."""
        text = self.secret_key or _content("SECRET_KEY_FILE", self.secret_key_file)
        keys = [key.strip() for key in text.split(",") if key.strip()]
        if not keys or any(len(key) < MIN_KEY_LENGTH for key in keys):
            raise ConfigError(f"{PREFIX}SECRET_KEY: give at least {MIN_KEY_LENGTH} random characters per key.")
        return keys

    @property
    def owns_secret_key(self) -> bool:
        """Whether Mailroom made the secret key itself, and so may replace it."""
        return not self.secret_key and self.secret_key_file == self.instance / OWN_SECRET_KEY

    @property
    def plugin_dirs(self) -> list[Path]:
        """The operator's plugin folders, in order."""
        return [Path(part) for part in self.plugin_dir.split(os.pathsep) if part]

    @property
    def proxy_networks(self) -> list[Network]:
        """The networks of `trusted_proxies`, parsed."""
        return [ipaddress.ip_network(part.strip()) for part in self.trusted_proxies.split(",") if part.strip()]

    def _check(self) -> None:
        _ = self.secret_keys
        try:
            _ = self.proxy_networks
        except ValueError as error:
            raise ConfigError(f"{PREFIX}TRUSTED_PROXIES: {error}. Give networks such as 10.0.0.0/8.") from error
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{PREFIX}{name.upper()}: give one of {', '.join(allowed)}.")
        for name, schemes in SCHEMES.items():
            if not getattr(self, name).startswith(schemes):
                raise ConfigError(f"{PREFIX}{name.upper()}: give an address that starts with {' or '.join(schemes)}.")
        if self.public_url and not _is_web_address(self.public_url):
            raise ConfigError(
                f"{PREFIX}PUBLIC_URL: give scheme, host and port alone, such as https://mail.example.com;"
                " letters outside ASCII as A-labels (xn--…)."
            )


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        alone = not (parts.username or parts.password or parts.path.rstrip("/") or set("?#") & set(url))
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and alone and url.isascii()
        )
    except ValueError:
        return False


def _read(name: str, secret: bool, environ: Mapping[str, str]) -> Any:
    variable = PREFIX + name.upper()
    if name == "secret_key_file":
        return Path(path) if (path := environ.get(variable)) else None
    # What the file of the secret key holds can change; see `secret_keys`.
    path = environ.get(f"{variable}_FILE") if secret else None
    if path and name == "secret_key":
        return None
    return _content(f"{name.upper()}_FILE", Path(path)) if path else environ.get(variable) or None


def _content(name: str, path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"{PREFIX}{name}: {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        # Not its words, nor it as their cause: they hold what the file does.
        raise ConfigError(f"{PREFIX}{name}: {path} holds something other than text.") from None


def _own_secret_key(instance: Path, database_url: str) -> Path:
    """The file with the key this machine generated for itself, made on first use.

    Several machines that share a database server must share a key too, so there it has to be given.
    """
    if not database_url.startswith("sqlite"):
        raise ConfigError(f"{PREFIX}SECRET_KEY: must be given with a database server (or {PREFIX}SECRET_KEY_FILE).")
    path = instance / OWN_SECRET_KEY
    if not path.exists():
        # Other processes see the whole key or none: the file gets its name when it is complete.
        with tempfile.NamedTemporaryFile("w", dir=instance, prefix="secret-key-") as file:
            file.write(new_secret_key())
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path


def new_secret_key() -> str:
    """A secret key nobody can guess."""
    return secrets.token_urlsafe(48)
