"""Secrets that were entered but aren't saved: they travel in the page, sealed.

They are for the administrator who entered them, for an hour, and only for the destination they were entered for, or
for that of the fix that a test of them has offered.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from webapp.core import clock
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.mail.servers import DESTINATION, PROXY_DESTINATION, EnteredServer

CARRIED_FOR = timedelta(hours=1)
PURPOSE = "carried secrets"


@dataclass(frozen=True)
class Carried:
    """The secrets by name, where they may be sent, and the form values of each fix that they may follow.

    `saved` are saved secrets that may follow those fixes, too. If there are no fixes, they have followed one.
    """

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    destination: Mapping[str, str] = field(default_factory=dict)
    fixes: Sequence[Mapping[str, str]] = ()
    saved: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, entered: EnteredServer, fixes: Sequence[Mapping[str, str]] = (), saved: Mapping[str, str] | None = None
    ) -> Self:
        """Return the secrets that were entered for this server, apart from the saved ones."""
        saved = saved or {}
        secrets = {name: value for name, value in entered.secrets.items() if value and saved.get(name) != value}
        return cls(secrets, destination(entered), fixes, saved)

    @classmethod
    def open(cls, sealer: Sealer, sealed: str | None, user_id: int) -> Self:
        """Return what this administrator entered not long ago; nothing if that isn't so."""
        try:
            known = json.loads(sealer.open(sealed, PURPOSE)) if sealed else {}
        except CannotUnseal:
            return cls()
        if known.get("user_id") != user_id or clock.now() - datetime.fromisoformat(known["at"]) > CARRIED_FOR:
            return cls()
        return cls(known["secrets"], known["destination"], known.get("fixes", ()), known.get("saved", {}))

    def seal(self, sealer: Sealer, user_id: int) -> str:
        """Return the sealed text; empty if there are no secrets."""
        if not self.secrets and not self.saved:
            return ""
        about = {"secrets": self.secrets, "destination": self.destination, "fixes": self.fixes, "user_id": user_id}
        about["saved"] = self.saved
        return sealer.seal(json.dumps(about | {"at": clock.now().isoformat()}), PURPOSE)


def destination(entered: EnteredServer) -> dict[str, str]:
    """Return what decides where the entered secrets are sent."""
    columns = {name: str(entered.values.get(name, "")) for name in (*DESTINATION, *PROXY_DESTINATION)}
    return columns | dict(entered.provider_fields)
