"""Authenticate over a connection, as the provider does it."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from webapp.mail.transcript import Stage
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.mail.transport.smtp import SmtpClient
from webapp.providers import Account, Authentication, Password, guard
from webapp.providers.guard import PluginFailed
from webapp.providers.registry import get_providers

ACCESS_TOKEN = "access_token"  # noqa: S105 -- the name of a secret


def authenticate(client: SmtpClient, settings: TransportSettings, redact: Callable[[str], str]) -> None:
    """Authenticate with the method in the settings. Raises DeliveryError or another OSError."""
    provider = settings.provider
    label = str(provider.label)
    method = provider.authentication_named(settings.authentication)
    if method is None:
        params = {"provider": label, "name": settings.authentication}
        raise DeliveryError(Stage.AUTH, "unknown_authentication", params)
    # Of those it awaits, LOGIN has the most replies: three.
    # At the deadline, the connection is the first to fail, as that says more.
    seconds = min(guard.SECONDS + 3 * settings.timeout, client.deadline.left() + 0.5)
    call = partial(_call, method, client, settings.account)
    try:
        _try_mechanisms(client, partial(guard.run, provider.key, call, seconds, (DeliveryError, OSError), redact))
    except DeliveryError as error:
        if settings.tokens is not None and error.reply:
            error.code, claims = settings.tokens.check_claims(settings.secrets[ACCESS_TOKEN])
            error.params |= claims
        elif error.reply.startswith("535"):
            error.code = _about_password(settings.account.password, _methods(method, settings.host))
        raise
    except PluginFailed as error:
        params = {"provider": label, "error": str(error)}
        raise DeliveryError(Stage.AUTH, "plugin_failed", params) from error


def _methods(method: Authentication, host: str) -> Iterator[Authentication]:
    """Return what may know how a password for this host looks: the method, and those of the host's provider."""
    yield method
    for provider in get_providers():
        if provider.connection.host == host.casefold():
            yield from provider.authentication


def _about_password(password: str, methods: Iterable[Authentication]) -> str:
    """Return, as the code of a failure, what about a rejected password may be a mistake, or that it looks right."""
    if any(character.isspace() for character in password):
        return "password_has_spaces"
    if not password.isascii():
        return "password_not_ascii"
    patterns = (one.pattern for one in methods if isinstance(one, Password))
    well_formed = any(pattern and re.fullmatch(pattern, password) for pattern in patterns)
    return "password_well_formed" if well_formed else ""


def _try_mechanisms(client: SmtpClient, authenticate: Callable[[], None]) -> None:
    """Authenticate; after a 504, which says that nothing was checked (RFC 4954, 4), with another mechanism."""
    unknown: DeliveryError | None = None
    while True:
        try:
            return authenticate()
        except DeliveryError as error:
            if unknown is not None and not error.reply:
                raise unknown from error
            if not error.reply.startswith("504") or not client.withdraw_mechanism():
                raise
            unknown = error


def _call(method: Authentication, client: SmtpClient, account: Account) -> None:
    """Run a plugin's code. Raises RuntimeError for a file that it can't read, which is no problem of the network."""
    try:
        method.authenticate(client, account)
        client.raise_refusal()
    except OSError as error:
        if error.filename is None:
            raise
        raise RuntimeError(type(error).__name__) from error
