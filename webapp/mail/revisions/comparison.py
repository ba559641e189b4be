"""Compare two revisions, field by field. What secrets are is never shown, only whether they differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp.core.sealing import Sealer
from webapp.mail.revisions.models import Revision
from webapp.mail.servers import COLUMNS, open_secrets


@dataclass(frozen=True)
class Difference:
    """One field of two revisions; of a secret, the values are whether it is set."""

    name: str
    before: Any
    after: Any
    differs: bool
    is_secret: bool = False


def compare(sealer: Sealer, before: Revision, after: Revision) -> list[Difference]:
    """Return every field that is set in either revision, in the order of the form, the secrets last."""
    fields, others = before.fields, after.fields
    ordered = [*COLUMNS, *sorted((fields.keys() | others.keys()) - set(COLUMNS))]
    found = [_difference(name, fields.get(name), others.get(name)) for name in ordered]
    return [one for one in found if one.before or one.after] + _secrets(sealer, before, after)


def _difference(name: str, before: Any, after: Any) -> Difference:
    return Difference(name, before, after, (before or None) != (after or None))


def _secrets(sealer: Sealer, before: Revision, after: Revision) -> list[Difference]:
    opened, others = (open_secrets(sealer, one, needed=()) for one in (before, after))
    return [
        _secret(name, before, after, opened, others) for name in sorted({*before.sealed_secrets, *after.sealed_secrets})
    ]


def _secret(
    name: str, before: Revision, after: Revision, opened: Mapping[str, str], others: Mapping[str, str]
) -> Difference:
    """Compare one secret. One that can't be opened any more counts as another one."""
    same = name in opened and opened.get(name) == others.get(name)
    return Difference(name, name in before.sealed_secrets, name in after.sealed_secrets, not same, is_secret=True)
