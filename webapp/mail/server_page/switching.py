"""Choosing another provider in the form: what was entered for each is kept, and shown again with it."""

import json
from collections.abc import Mapping
from typing import Any

from webapp.mail.servers import LIMITS, OAUTH2_COLUMNS, TRUST
from webapp.providers import Provider

# In characters.
MAX_KEPT_LENGTH = 8000
# The settings that are kept for their provider while another one is shown.
PROVIDER_COLUMNS = (
    "host", "port", "security", "authentication", "username", *OAUTH2_COLUMNS, "secret_expires_on", *LIMITS,
)  # fmt: skip


def switch(
    values: Mapping[str, Any], before: Provider | None, chosen: Provider, kept: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """Return the form's values after choosing another provider: its own connection, all else as entered.

    What was entered for the provider `before` is added to `kept`; what is kept for the chosen one is used again.
    """
    if before is not None:
        kept = kept | {before.key: to_keep(values, before)}
    never_blank = ("port", "security", "authentication")
    again = {name: value for name, value in kept.get(chosen.key, {}).items() if value or name not in never_blank}
    result = {**values, **_provider_defaults(values, before, chosen), **again}
    return {**result, "kept_values": json.dumps(kept)[:MAX_KEPT_LENGTH]}


def to_keep(values: Mapping[str, Any], provider: Provider) -> dict[str, str]:
    """Return what is kept of these values while another provider is shown."""
    names = (*PROVIDER_COLUMNS, *sorted(set(provider.fields) - provider.secret_fields))
    return {name: str(values.get(name) or "") for name in names}


def _provider_defaults(values: Mapping[str, Any], before: Provider | None, chosen: Provider) -> dict[str, Any]:
    """Return what the form shows of a provider that was not chosen before."""
    defaults: dict[str, Any] = dict.fromkeys((*OAUTH2_COLUMNS, "secret_expires_on", *LIMITS, *TRUST), "")
    connection = chosen.connection
    defaults |= {"host": connection.host, "port": connection.port, "security": connection.security}
    method = chosen.authentication[0]
    defaults["authentication"] = method.key
    preset = next((getattr(one, "username", "") for one in before.authentication), "") if before else ""
    entered = values.get("username") or ""
    # An email address may be the user name with several providers; any other name belongs to one of them.
    kept = entered if entered != preset and "@" in entered else ""
    return defaults | {"username": getattr(method, "username", "") or kept}


def parse_kept(text: str) -> dict[str, dict[str, str]]:
    """Return the kept values by provider, from a hidden field that anyone may have changed."""
    try:
        kept = json.loads(text) if text and len(text) <= MAX_KEPT_LENGTH else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {
        str(key): {str(name): str(value) for name, value in values.items()}
        for key, values in kept.items()
        if isinstance(values, dict)
    }
