"""Fill a saved mail server with what was entered, and compare the two."""

from collections.abc import Mapping
from datetime import date, datetime

from webapp.core import certificates, clock
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.mail.models import MailServer
from webapp.mail.servers import (
    CERTIFICATE_SETTINGS,
    CLIENT_CERTIFICATE,
    CLIENT_SECRETS,
    COLUMNS,
    OAUTH2_COLUMNS,
    EnteredServer,
    open_secrets,
    seal_purpose,
)


def is_unchanged(saved: MailServer | None, entered: EnteredServer, opened: Mapping[str, str] | None = None) -> bool:
    """Return whether saving what was entered would change nothing.

    Entered secrets count as changes, unless they are the same as the `opened` ones.
    """
    same_secrets = all((opened or {}).get(name) == value for name, value in entered.secrets.items() if value)
    if saved is None or not same_secrets or entered.removed & set(saved.sealed_secrets):
        return False
    return not saved.differing(entered.values, entered.values, entered.provider_fields)


def changed_fields(shown: MailServer | None, entered: EnteredServer) -> frozenset[str]:
    """Return the names of the fields in which what was entered differs from the server that the form showed."""
    if shown is None:
        return frozenset()
    differing = shown.differing(entered.values, entered.values, entered.provider_fields)
    return differing | entered.new_secrets.keys() | entered.removed.intersection(shown.sealed_secrets)


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Return the names of the fields that differ; an empty setting counts as one that is not there."""
    return sorted(name for name in {*before, *after} if (before.get(name) or None) != (after.get(name) or None))


def fields_of(server: MailServer | None) -> dict[str, object]:
    """Return what a form can change, by name; the secrets stay sealed, so they differ whenever they are entered."""
    if server is None:
        return {}
    return {name: getattr(server, name) for name in COLUMNS} | server.provider_fields | server.sealed_secrets


def fill(server: MailServer, sealer: Sealer, entered: EnteredServer, by: str) -> MailServer:
    """Fill in what was entered `by` somebody. Secrets that the new settings cannot use are deleted."""
    if server.differing(CERTIFICATE_SETTINGS, entered.values, entered.provider_fields):
        server.certificate_since = server.certificate_expires_at = server.certificate_seen_at = None
    server.sealed_secrets = _sealed(sealer, server, entered)
    expires_on = _secret_expires_on(server, entered)
    for name, value in (dict.fromkeys(OAUTH2_COLUMNS, "") | dict(entered.values)).items():
        setattr(server, name, value)
    server.secret_expires_on = expires_on
    server.client_certificate_expires_at = _certificate_expires_at(sealer, server)
    server.provider_fields = dict(entered.provider_fields)
    server.updated_at = clock.now()
    server.updated_by = by
    return server


def _secret_expires_on(server: MailServer, entered: EnteredServer) -> date | None:
    """Return the last day of the client secret or key: as entered; None without such a secret."""
    if not set(CLIENT_SECRETS) & set(server.sealed_secrets):
        return None
    day = entered.values.get("secret_expires_on")
    return day if isinstance(day, date) else None


def _certificate_expires_at(sealer: Sealer, server: MailServer) -> datetime | None:
    """Return when the client certificate expires, if there is one."""
    secret = server.sealed_secrets.get(CLIENT_CERTIFICATE)
    try:
        pem = sealer.open(secret["sealed"], seal_purpose(CLIENT_CERTIFICATE)) if secret else ""
    except CannotUnseal:
        return server.client_certificate_expires_at
    return certificates.parse(pem)[0].not_valid_after_utc if pem else None


def _sealed(sealer: Sealer, server: MailServer, entered: EnteredServer) -> dict[str, dict[str, str]]:
    """Return the secrets to save; one that was typed again, because it is sent elsewhere now, is no new one."""
    kept = {name: secret for name, secret in server.sealed_secrets.items() if name in entered.secret_names}
    present, now = open_secrets(sealer, server, needed=()), clock.now().isoformat()
    new_secrets = {
        name: {"sealed": sealer.seal(value, seal_purpose(name)), "saved_at": now}
        for name, value in entered.new_secrets.items()
        if present.get(name) != value
    }
    return kept | new_secrets
