"""What was typed survives: a change of provider, an error elsewhere, a test before saving.

Values travel in hidden fields of the page. Typed secrets travel sealed, for the administrator
who typed them, for an hour, and only towards the destination they were typed for.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from webapp.core import clock
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.mail.servers import DESTINATION, OAUTH2_COLUMNS, PROXY_DESTINATION, ServerDraft
from webapp.providers import Provider
from webapp.providers.registry import secret_fields

LIFETIME = timedelta(hours=1)
PURPOSE = "typed secrets"
LARGEST = 8000
# What belongs to a provider and is put aside while another one is looked at.
OF_A_PROVIDER = ("host", "port", "security", "authentication", "username", *OAUTH2_COLUMNS, "secret_expires_on")


def without(draft: ServerDraft, names: Collection[str]) -> ServerDraft:
    """The draft without the secrets of these names, such as one that cannot be right."""
    return replace(draft, secrets={name: value for name, value in draft.secrets.items() if name not in names})


def carry_secrets(sealer: Sealer, draft: ServerDraft, user_id: int) -> str:
    """The secrets that were typed, for the next form; empty when none was."""
    typed = {name: value for name, value in draft.secrets.items() if value}
    if not typed:
        return ""
    facts = {"secrets": typed, "to": _destination(draft), "by": user_id, "at": clock.now().isoformat()}
    return sealer.seal(json.dumps(facts), PURPOSE)


def restore_secrets(sealer: Sealer, draft: ServerDraft, sealed: str, user_id: int) -> ServerDraft:
    """The draft, its blank secrets filled from what was typed before, if that still holds."""
    facts = _typed_before(sealer, sealed, user_id)
    if not facts or facts["to"] != _destination(draft):
        return draft
    typed = {name: value for name, value in draft.secrets.items() if value}
    return replace(draft, secrets={**facts["secrets"], **typed})


def moved_since(sealer: Sealer, draft: ServerDraft, sealed: str, user_id: int) -> frozenset[str]:
    """The settings that say where secrets go and are others than when some were typed before; empty if none were."""
    facts = _typed_before(sealer, sealed, user_id)
    here = zip((*DESTINATION, *PROXY_DESTINATION), facts.get("to", ()), _destination(draft), strict=False)
    return frozenset(name for name, before, now in here if before != now)


def switch_provider(kept: str, values: Mapping[str, Any], before: Provider | None, chosen: Provider) -> dict[str, Any]:
    """The form's values after choosing another provider: its own connection, all else as typed.

    What was typed for the provider left is put aside in `kept`, and is back when it is chosen again.
    """
    aside = _parsed(kept)
    if before is not None:
        names = (*OF_A_PROVIDER, *sorted(set(before.fields) - secret_fields(before)))
        aside[before.key] = {name: str(values.get(name) or "") for name in names}
    result = {**values, **_template(chosen, before, values), **_whole(aside.get(chosen.key, {}))}
    return {**result, "kept": json.dumps(aside)[:LARGEST], "shown": chosen.key}


def _template(chosen: Provider, before: Provider | None, values: Mapping[str, Any]) -> dict[str, Any]:
    template: dict[str, Any] = dict.fromkeys((*OAUTH2_COLUMNS, "secret_expires_on"), "")
    connection = chosen.connection
    if connection.host:
        template |= {"host": connection.host, "port": connection.port, "security": connection.security}
    else:
        # A server of one's own starts from what stands there, if anything does.
        template |= {"port": values.get("port") or connection.port}
        template |= {"security": values.get("security") or connection.security}
    method = chosen.authentication[0]
    template["authentication"] = method.key
    left = next((getattr(one, "username", "") for one in before.authentication), "") if before else ""
    typed = values.get("username") or ""
    # A name that is no address is of one server, as a mailbox may be of several.
    kept = typed if typed != left and "@" in typed else ""
    template["username"] = getattr(method, "username", "") or kept
    return template


def _whole(aside: Mapping[str, str]) -> dict[str, str]:
    """What was put aside, without what was never chosen."""
    return {name: value for name, value in aside.items() if value or name not in ("port", "security", "authentication")}


def _typed_before(sealer: Sealer, sealed: str, user_id: int) -> dict[str, Any]:
    """What `seal_typed` sealed for this administrator, while it is good; empty otherwise."""
    try:
        facts: dict[str, Any] = json.loads(sealer.open(sealed, PURPOSE)) if sealed else {}
    except CannotUnseal:
        return {}
    if not facts or facts["by"] != user_id or clock.now() - datetime.fromisoformat(facts["at"]) > LIFETIME:
        return {}
    return facts


def _destination(draft: ServerDraft) -> list[str]:
    names = (*DESTINATION, *PROXY_DESTINATION)
    return [*(str(draft.values.get(name, "")) for name in names), json.dumps(draft.provider_fields, sort_keys=True)]


def _parsed(kept: str) -> dict[str, dict[str, str]]:
    try:
        aside = json.loads(kept) if kept and len(kept) <= LARGEST else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(aside, dict):
        return {}
    return {
        str(key): {str(name): str(value) for name, value in values.items()}
        for key, values in aside.items()
        if isinstance(values, dict)
    }
