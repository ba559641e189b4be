"""The configuration: each setting once, with its environment variable, type, default and description."""

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

from webapp.core import domain_lists, name_servers, smtp_addresses
from webapp.core.domain_lists import NotADomain
from webapp.core.name_servers import NameServer
from webapp.core.smtp_addresses import SmtpAddress

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

# Of administrators who upload a file: a few hundred thousand people.
MAX_UPLOAD_SIZE = 16 * 1024 * 1024

# Megabytes of an email that applications may hand in: what the largest providers accept is 150.
MAX_EMAIL_SIZE = 150

# The file in the instance folder that is the database, unless another one is given.
OWN_DATABASE = "mailroom.sqlite"

# In `send_only_to`.
NOBODY = "nobody"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
CHOICES = {
    "allow_private_hosts": ("true", "false"),
    "rate_limits": ("on", "off"),
    "log_format": ("json", "text"),
    "demo": ("on", "off"),
}
SCHEMES = {
    "database_url": ("sqlite:///", "postgresql://", "postgresql+psycopg://"),
    "queue_url": ("sqlite:///", "postgresql://", "postgresql+psycopg://", "redis://", "rediss://"),
}


class ConfigError(Exception):
    """A setting is missing or invalid; the message names the variable and says what to do."""


def setting(text: str, default: Any = "", secret: bool = False) -> Any:
    """Declare a setting. A secret can also be read from a file whose path is in `<NAME>_FILE`."""
    return field(default=default, repr=not secret, metadata={"help": text, "secret": secret})


@dataclass(frozen=True)
class Config:
    """The settings of a process; see `Config.from_environment`."""

    instance: Path = setting("Folder for the files Mailroom writes.", Path("instance"))
    secret_key: str = setting(
        "Key that encrypts all other keys. To change it, give the new and the old one, separated by a comma.",
        secret=True,
    )
    secret_key_file: Path = setting("File to read the secret key from; it is reread when it changes.", Path())
    database_url: str = setting("SQLAlchemy URL of the database.", secret=True)
    queue_url: str = setting("Queue of the workers' tasks: sqlite:///…, postgresql://… or redis://….", secret=True)
    public_url: str = setting("URL at which people open Mailroom. Overrides the one on the General page.")
    send_only_to: str = setting(
        "Domains that may get email, separated by commas, or 'nobody'. Overrides the General page: for a copy of a "
        "production database."
    )
    settings: str = setting("TOML file that declares settings; what it sets is locked on the pages.")
    plugin_dir: str = setting(f"Folders with provider plugins, separated by {os.pathsep!r}.")
    trusted_proxies: str = setting("Networks whose X-Forwarded-* headers are trusted, separated by commas.")
    name_servers: str = setting(
        "IP addresses of the name servers for the deliverability check and the search for mail settings, separated by "
        "commas, optionally with ports: 192.0.2.53:5353."
    )
    metrics_token: str = setting(
        "Token with which Prometheus may read /metrics, and /readyz in detail: at least 16 characters. "
        "Without one, there are no metrics.",
        secret=True,
    )
    submission: str = setting(
        "Addresses on which applications hand in email by SMTP, separated by commas: 127.0.0.1:2525, or "
        "smtps://0.0.0.0:465 where connections begin with TLS. If it is empty, there is no SMTP server."
    )
    submission_certificate: str = setting("File with the SMTP server's certificate (PEM, with its chain).")
    submission_key: str = setting("File with the certificate's key (PEM), if it isn't in the same file.")
    submission_max_size: str = setting("Largest email that the SMTP server accepts, in megabytes.", "25")
    allow_private_hosts: str = setting(
        "'false' where administrators aren't operators: Mailroom then connects only to hosts on the internet, and to "
        "mail servers only on the usual mail ports.",
        "true",
    )
    rate_limits: str = setting("'on', or 'off' for load tests.", "on")
    log_format: str = setting("'json' or 'text'.", "json")
    demo: str = setting("'on' in the demo only: shows its accounts and its inbox.", "off")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read the `MAILROOM_*` variables, fill in the defaults and check everything. Raises ConfigError.

        If no secret key is given and the database is SQLite, generate one in the instance folder (mode 0600).
        """
        values = {f.name: _read(f.name, f.metadata["secret"], environ) for f in fields(cls)}
        given = {name: value for name, value in values.items() if value is not None}
        return cls.complete(**given)

    @classmethod
    def complete(cls, **given: Any) -> "Config":
        """Fill in the derived defaults and check everything. Raises ConfigError."""
        instance = Path(given.get("instance", cls.instance)).resolve()
        try:
            instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{PREFIX}INSTANCE: {instance} cannot be created ({error.strerror}).") from error
        given["instance"] = instance
        given.setdefault("database_url", f"sqlite:///{instance / OWN_DATABASE}")
        given.setdefault("queue_url", _queue_url(instance, given["database_url"]))
        if not given.get("secret_key") and not given.get("secret_key_file"):
            given["secret_key_file"] = _own_secret_key(instance, given["database_url"])
        config = cls(**given)
        config._check()
        return config

    @classmethod
    def require_database(cls, environ: Mapping[str, str] = os.environ) -> None:
        """Raise ConfigError if the database would be a file in the instance folder that doesn't exist yet."""
        instance = Path(_read("instance", False, environ) or cls.instance).resolve()
        if not _read("database_url", True, environ) and not (instance / OWN_DATABASE).exists():
            raise ConfigError(
                f"There is no database in {instance}. Set {PREFIX}INSTANCE to the folder of the installation, or "
                f"{PREFIX}DATABASE_URL."
            )

    @property
    def secret_keys(self) -> list[str]:
        """The current key, then those it replaces; a file is read each time. Raises ConfigError."""
        text = self.secret_key or _content("SECRET_KEY_FILE", self.secret_key_file)
        keys = [key.strip() for key in text.split(",") if key.strip()]
        if not keys or any(len(key) < MIN_KEY_LENGTH for key in keys):
            raise ConfigError(f"{PREFIX}SECRET_KEY: each key needs at least {MIN_KEY_LENGTH} random characters.")
        return keys

    @property
    def owns_secret_key(self) -> bool:
        """Whether Mailroom generated the secret key, and so may replace it."""
        return not self.secret_key and self.secret_key_file == self.instance / OWN_SECRET_KEY

    @property
    def plugin_dirs(self) -> list[Path]:
        """The operator's plugin folders, in order."""
        return [Path(part) for part in self.plugin_dir.split(os.pathsep) if part]

    @property
    def allows_private_hosts(self) -> bool:
        """`allow_private_hosts`, as a truth value."""
        return self.allow_private_hosts == "true"

    @property
    def proxy_networks(self) -> list[Network]:
        """The networks of `trusted_proxies`, parsed."""
        return [ipaddress.ip_network(part.strip()) for part in self.trusted_proxies.split(",") if part.strip()]

    @property
    def only_domains(self) -> list[str]:
        """The domains of `send_only_to`, parsed. There are none if it is empty or 'nobody'."""
        return [] if self.send_only_to == NOBODY else domain_lists.parse(self.send_only_to)

    @property
    def name_server_addresses(self) -> list[NameServer]:
        """The addresses of `name_servers`, parsed; empty for those of the system."""
        return name_servers.parse(self.name_servers)

    @property
    def submission_addresses(self) -> list[SmtpAddress]:
        """The addresses of `submission`, parsed."""
        return smtp_addresses.parse(self.submission)

    @property
    def submission_max_size_bytes(self) -> int:
        """`submission_max_size` in bytes."""
        return int(self.submission_max_size) * 1_000_000

    def _check(self) -> None:
        _ = self.secret_keys
        self._check_submission()
        try:
            _ = self.proxy_networks
        except ValueError as error:
            raise ConfigError(f"{PREFIX}TRUSTED_PROXIES: {error}. Use networks such as 10.0.0.0/8.") from error
        try:
            _ = self.only_domains
        except NotADomain as error:
            raise ConfigError(
                f"{PREFIX}SEND_ONLY_TO: {error} is not a domain. Use domains such as example.com or *.example.com, "
                f"separated by commas, or '{NOBODY}'."
            ) from error
        try:
            _ = self.name_server_addresses
        except ValueError as error:
            raise ConfigError(
                f"{PREFIX}NAME_SERVERS: {error}. Use IP addresses such as 192.0.2.53 or 192.0.2.53:5353."
            ) from error
        if self.metrics_token and len(self.metrics_token) < MIN_KEY_LENGTH:
            raise ConfigError(f"{PREFIX}METRICS_TOKEN: it needs at least {MIN_KEY_LENGTH} random characters.")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{PREFIX}{name.upper()}: use one of {', '.join(allowed)}.")
        for name, schemes in SCHEMES.items():
            if not getattr(self, name).startswith(schemes):
                raise ConfigError(f"{PREFIX}{name.upper()}: use a URL that starts with {' or '.join(schemes)}.")
        if self.public_url and not _is_origin(self.public_url):
            raise ConfigError(
                f"{PREFIX}PUBLIC_URL: use only scheme, host and port, such as https://mail.example.com,"
                " with international domain names as A-labels (xn--…)."
            )

    def _check_submission(self) -> None:
        try:
            addresses = self.submission_addresses
        except ValueError as error:
            raise ConfigError(
                f"{PREFIX}SUBMISSION: {error}. Use addresses such as 127.0.0.1:2525 or smtps://0.0.0.0:465."
            ) from error
        if any(address.implicit_tls for address in addresses) and not self.submission_certificate:
            raise ConfigError(f"{PREFIX}SUBMISSION_CERTIFICATE: required for smtps:// in {PREFIX}SUBMISSION.")
        if not self.submission_max_size.isdecimal() or not 1 <= int(self.submission_max_size) <= MAX_EMAIL_SIZE:
            raise ConfigError(f"{PREFIX}SUBMISSION_MAX_SIZE: use a number of megabytes from 1 to {MAX_EMAIL_SIZE}.")


def _is_origin(url: str) -> bool:
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
    # The file with the secret key is read whenever the key is needed; see `secret_keys`.
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
        # Neither quote the error nor chain it: it contains bytes of the file.
        raise ConfigError(f"{PREFIX}{name}: {path} is not a text file.") from None


def _queue_url(instance: Path, database_url: str) -> str:
    """Return where the queue is by default: in a database that all machines share, else in a file."""
    return database_url if database_url.startswith("postgresql") else f"sqlite:///{instance / 'queue.sqlite'}"


def _own_secret_key(instance: Path, database_url: str) -> Path:
    """Return the file with the generated key; generate it on first use.

    Machines that share a database server must also share the key, so in that case it must be given.
    """
    if not database_url.startswith("sqlite"):
        raise ConfigError(f"{PREFIX}SECRET_KEY or {PREFIX}SECRET_KEY_FILE: required with a database server.")
    path = instance / OWN_SECRET_KEY
    if not path.exists():
        # The file gets its name when it is complete, so that other processes never read half a key.
        with tempfile.NamedTemporaryFile("w", dir=instance, prefix="secret-key-") as file:
            file.write(new_secret_key())
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path


def new_secret_key() -> str:
    """Generate a secret key."""
    return secrets.token_urlsafe(48)
