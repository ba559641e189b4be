"""What was typed into the mail server page, as the form that is shown or saved next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from webapp.core.app_state import AppState
from webapp.mail.models import MailServer
from webapp.mail.server_page import drafts
from webapp.mail.server_page.forms import COLUMNS, SECRETS, MailServerForm, mail_server_form
from webapp.mail.servers import ServerDraft
from webapp.providers import Provider
from webapp.providers.registry import get_providers

LONGEST_SUGGESTION = 1000


@dataclass(frozen=True)
class FormState:
    """What the browser of an administrator sent; what it did not send is as it is `saved`."""

    parts: AppState
    sent: Mapping[str, str]
    saved: MailServer | None
    user_id: int

    @property
    def another_provider(self) -> bool:
        """Whether another provider was chosen but its form was not shown yet (without JavaScript)."""
        shown, chosen = self.sent.get("shown"), self.sent.get("provider")
        return bool(shown and chosen and shown != chosen and chosen in get_providers())

    def form(self, sent: bool = True) -> MailServerForm:
        """The form for the provider that was sent, else for the saved one; not `sent`, it holds what is saved."""
        data = self._saved_values()
        before = self._provider(data.get("provider"))
        chosen = self._provider(self.sent.get("provider")) or before or get_providers().default
        if self.saved is None or chosen.key != self.saved.provider:
            data = drafts.switch_provider("", data, before, chosen)
        form = mail_server_form(chosen, get_providers(), data, sent)
        form.shown.data = chosen.key
        form.replaces_another = self.saved is not None and chosen.key != self.saved.provider
        return form

    def switched(self) -> MailServerForm:
        """The form after choosing another provider, with everything that was typed."""
        before = self._provider(self.sent.get("shown")) or self._provider(self.saved.provider if self.saved else None)
        chosen = self._provider(self.sent.get("provider")) or before or get_providers().default
        values = self._values()
        if before is None or before.key != chosen.key:
            values = drafts.switch_provider(self.sent.get("kept", ""), values, before, chosen)
        form = mail_server_form(chosen, get_providers(), values, sent=False)
        form.typed.data = self._secrets_so_far(before)
        return form

    def corrected(self) -> MailServerForm:
        """The form as typed, with the values that a diagnosis suggests."""
        suggested = dict(parse_qsl(self.sent["apply"][:LONGEST_SUGGESTION]))
        chosen = self._provider(self.sent.get("provider")) or get_providers().default
        values = self._values() | {name: suggested[name] for name in COLUMNS if name in suggested}
        return mail_server_form(chosen, get_providers(), values, sent=False)

    def draft(self, form: MailServerForm) -> ServerDraft:
        """What a form holds, with the secrets that were typed into it earlier."""
        return drafts.restore_secrets(self.parts.sealer, form.draft(), form.typed.data or "", self.user_id)

    def _secrets_so_far(self, before: Provider | None) -> str:
        """The secrets that were typed for the provider that is left, sealed: for when it is chosen again."""
        earlier = self.sent.get("typed", "")
        if before is None:
            return earlier
        form = mail_server_form(before, get_providers(), self._saved_values(), sent=True)
        form.provider.data = before.key
        return drafts.carry_secrets(self.parts.sealer, self.draft(form), self.user_id) or earlier

    def _values(self) -> dict[str, Any]:
        """What the form holds, its secrets excepted."""
        values = {**self._saved_values(), **self.sent}
        return {name: value for name, value in values.items() if name not in ("csrf_token", "typed", *SECRETS)}

    def _saved_values(self) -> dict[str, Any]:
        if self.saved is None:
            return {}
        return {**{name: getattr(self.saved, name) for name in COLUMNS}, **self.saved.extra}

    def _provider(self, key: str | None) -> Provider | None:
        return get_providers().get(key or "")
