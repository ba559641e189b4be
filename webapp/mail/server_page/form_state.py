"""The life of the mail server form: the form to show first, after an error or a test, and for another provider.

A form starts with the saved values and takes over the posted ones. What was entered for a provider that is not
shown any more travels in the hidden field `kept_values`. Secrets that were entered travel sealed in `carried_secrets`
(see `carried`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import parse_qsl

from flask import request
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from webapp.core import formatting
from webapp.core.app_state import app_state
from webapp.core.certificates import MAX_PEM_LENGTH
from webapp.core.sealing import Sealer
from webapp.mail import servers, service
from webapp.mail.models import MailServer
from webapp.mail.server_page import switching
from webapp.mail.server_page.carried import Carried, destination
from webapp.mail.server_page.forms import SECRETS, MailServerForm, mail_server_form
from webapp.mail.servers import (
    CLIENT_CERTIFICATE,
    COLUMNS,
    PROXY_DESTINATION,
    PROXY_PASSWORD,
    TRUST,
    EnteredServer,
)
from webapp.mail.service import NEW
from webapp.providers import Provider
from webapp.providers.registry import ProviderRegistry, get_providers
from webapp.web.access import current_user
from webapp.web.forms import fields_with_errors

# In characters.
MAX_FIX_LENGTH = 2 * MAX_PEM_LENGTH
# The settings that a fix may change without the entered secrets being lost.
FOLLOWED_BY_SAVED = frozenset({"port", "security", "tls_minimum", "address_family", "mechanism", "username"})
FOLLOWED = FOLLOWED_BY_SAVED | set(TRUST)
# Which run a check, or end it.
BUTTONS = ("test", "check", "apply", "cancel")
# With another provider or authentication, a saved secret is not the one that the form asks for.
SECRET_KIND = frozenset({"provider", "authentication"})


@dataclass(frozen=True)
class FormResult:
    """A form to show, the mail server that it describes, and whether that can be saved or tested.

    Nothing is `entered` while the form holds the saved values.
    """

    form: MailServerForm
    entered: EnteredServer | None = None
    valid: bool = False


@dataclass(frozen=True)
class FormState:
    """A saved mail server, and what an administrator posted over it. A field that was not posted is as saved.

    `saved` is the one that the form shows, None for a new one, and `primary` the first one.
    """

    posted: MultiDict[str, str]
    saved: MailServer | None
    primary: MailServer | None
    user_id: int
    providers: ProviderRegistry
    sealer: Sealer
    # The names of the fields that the settings file sets.
    locked: frozenset[str] = frozenset()

    @classmethod
    def from_request(cls, server_id: int | None = None) -> Self:
        """Return the form of this server in the current request: the primary unless given, or NEW. Raises NotFound."""
        with app_state().database.read() as session:
            primary = servers.primary(session)
            saved = service.find(session, server_id)
            locked = servers.locked(session, saved)
        return cls(request.form, saved, primary, current_user.id, get_providers(), app_state().sealer, locked)

    @property
    def server_id(self) -> int | None:
        """Which server saving changes, as in `service.save`."""
        return self.saved.id if self.saved else NEW if self.primary else None

    @property
    def switches_provider(self) -> bool:
        """Whether another provider was chosen whose fields were not shown yet; without JavaScript also by Save."""
        shown, chosen = self.posted.get("shown_provider"), self.posted.get("provider")
        return "choose" in self.posted or bool(shown and chosen in self.providers and shown != chosen)

    def as_saved(self) -> FormResult:
        """Return the form with the saved values."""
        return FormResult(self._form(posted=False))

    def as_posted(self, for_test: bool = False, sends: bool = True) -> FormResult:
        """Return the posted form, checked for saving or for a test, which sends an email unless it says not."""
        form = self._form(posted=True)
        valid = form.validate_for_test(sends) if for_test else form.validate()
        entered = self._entered(form)
        errors = self._secret_errors(form, entered)
        for name, text in errors.items():
            form.add_error(name, text)
        return self._result(form, entered, valid and not errors)

    def after_switch(self) -> FormResult:
        """Return the form for the provider that was chosen, with everything that was entered."""
        before = self._provider(self.posted.get("shown_provider")) or self._saved_provider
        chosen = self._provider(self.posted.get("provider")) or before or self.providers.default
        values = self._posted_values()
        if before is None or before.key != chosen.key:
            kept = switching.parse_kept(self.posted.get("kept_values", ""))
            values = switching.switch(values, before, chosen, self._kept_of_primary() | kept)
        form = self._shown(chosen, values)
        form.carried_secrets.data = self.posted.get("carried_secrets", "")
        if before is not None:
            posted = mail_server_form(before, _values(self.saved), self.posted)
            form.carried_secrets.data = self._seal_secrets(self._entered(posted)) or form.carried_secrets.data
        return self._result(form, self._entered(form), valid=False)

    def with_fix(self) -> Self:
        """Return the state with the values of the fix that was chosen, as if they had been entered.

        The secrets of a check can be used with the fix that it offered. With any other values, entered secrets can be
        used only for the destination that they were entered for.
        """
        asked = dict(parse_qsl(self.posted["apply"][:MAX_FIX_LENGTH], keep_blank_values=True))
        form = self._form(posted=True)
        fillable = {*COLUMNS, *form.provider_fields()} - {"provider"}
        fix = {name: value for name, value in asked.items() if name in fillable}
        posted = MultiDict(self.posted)
        for name, value in fix.items():
            posted[name] = value
        fixed, entered, carried = replace(self, posted=posted), self._entered(form), self._carried(form)
        follows = fix in carried.fixes and carried.destination == destination(entered)
        server = fixed._form(posted=True).to_server() if follows else entered
        for name in {*SECRETS, *form.chosen.secret_fields}:
            posted.poplist(name)
        saved = carried.saved if follows and fix.keys() <= FOLLOWED_BY_SAVED else {}
        secrets = {**saved, **{name: one for name, one in entered.secrets.items() if one}}
        sealed = self._seal_secrets(replace(server, secrets=secrets))
        posted["carried_secrets"] = sealed or posted.get("carried_secrets", "")
        return fixed

    def offering_fixes(self, result: FormResult, fixes: Sequence[Mapping[str, str]]) -> FormResult:
        """Return the result of a check that offers these fixes, which the secrets that it used may follow.

        That holds for fixes that keep the host: no secret goes to another machine, or in the clear. Saved secrets don't
        follow to a certificate that is trusted only now, nor if they followed another fix before.
        """
        entered = result.entered
        safe = [dict(fix) for fix in fixes if fix and fix.keys() <= FOLLOWED and fix.get("security") != "none"]
        if entered is not None and safe:
            blank = entered.secret_names - entered.new_secrets.keys()
            opened = servers.open_secrets(self.sealer, self.saved, needed=()) if self.saved else {}
            follow = any(fix.keys() <= FOLLOWED_BY_SAVED for fix in safe)
            saved = {name: value for name, value in opened.items() if name in blank and follow}
            saved |= self._followed(entered)
            result.form.carried_secrets.data = Carried.of(entered, safe, saved).seal(self.sealer, self.user_id)
        return result

    def before_check(self) -> Self:
        """Return the state of the form whose check was canceled."""
        kept = MultiDict(parse_qsl(self.posted.get("kept_form", ""), keep_blank_values=True))
        kept["csrf_token"] = self.posted.get("csrf_token", "")
        return replace(self, posted=kept)

    def to_keep(self, result: FormResult) -> Sequence[tuple[str, str]]:
        """Return what was posted, without its button, to have the same form again; its secrets are sealed."""
        left_out = {"csrf_token", "carried_secrets", *BUTTONS, *SECRETS, *result.form.chosen.secret_fields}
        kept = [(name, value) for name, value in self.posted.items(multi=True) if name not in left_out]
        return [*kept, ("carried_secrets", result.form.carried_secrets.data or "")]

    def with_unreadable_secrets(self, result: FormResult) -> FormResult:
        """Return the form with an error at each blank secret: the saved one cannot be unsealed."""
        names = result.entered.secret_names - result.entered.new_secrets.keys() if result.entered else ()
        for name in sorted(names):
            if self.saved is not None and name in self.saved.sealed_secrets:
                text = _("The saved secret can't be decrypted with the current secret key. Enter it again.")
                result.form.add_error(name, text)
        return replace(result, valid=False)

    @property
    def _saved_provider(self) -> Provider | None:
        return self._provider(self.saved.provider) if self.saved else None

    def _provider(self, key: str | None) -> Provider | None:
        return self.providers.get(key or "")

    def _form(self, posted: bool) -> MailServerForm:
        """Return the form for the posted provider, else for the saved one."""
        values, before = _values(self.saved), self._saved_provider
        chosen = self._provider(self.posted.get("provider")) or before or self.providers.default
        if self.saved is None or chosen.key != self.saved.provider:
            values = switching.switch(values, before, chosen, self._kept_of_primary())
        return self._shown(chosen, values, self.posted if posted else None)

    def _shown(
        self, provider: Provider, values: Mapping[str, Any], posted: MultiDict[str, str] | None = None
    ) -> MailServerForm:
        form = mail_server_form(provider, values, posted)
        form.shown_provider.data = provider.key
        form.show_version(self.saved.version if self.saved else 0)
        form.lock(self.locked)
        return form

    def _result(self, form: MailServerForm, entered: EnteredServer, valid: bool) -> FormResult:
        """Return the result, its form ready to be shown. A secret that cannot be right is forgotten."""
        wrong = {field.name for field in fields_with_errors(form)}
        entered = replace(
            entered, secrets={name: value for name, value in entered.secrets.items() if name not in wrong}
        )
        form.carried_secrets.data = self._seal_secrets(entered) or form.carried_secrets.data
        return FormResult(form, entered, valid)

    def _kept_of_primary(self) -> dict[str, dict[str, str]]:
        """Return the values of the server in use, to be shown again for its provider while the form shows a draft."""
        if self.saved is None or not self.saved.is_draft:
            return {}
        provider = self._provider(self.primary.provider) if self.primary else None
        return {provider.key: switching.to_keep(_values(self.primary), provider)} if self.primary and provider else {}

    def _posted_values(self) -> dict[str, Any]:
        """Return what the form holds, except for secrets."""
        values = {**_values(self.saved), **self.posted}
        if "shown_provider" in self.posted:
            values["goes_back"] = "goes_back" in self.posted
        own = {name for provider in self.providers for name in provider.secret_fields}
        left_out = {"csrf_token", "carried_secrets", *SECRETS, *own}
        return {name: value for name, value in values.items() if name not in left_out}

    def _entered(self, form: MailServerForm) -> EnteredServer:
        """Return what the form describes, with the secrets that were entered earlier for the same destination."""
        entered = form.to_server()
        carried = self._carried(form)
        if carried.destination == destination(entered):
            new_secrets = {name: value for name, value in entered.secrets.items() if value}
            followed = {} if carried.fixes else carried.saved
            entered = replace(entered, secrets={**followed, **carried.secrets, **new_secrets})
        removed = form.remove_client_secret.data and not form.client_secret.data
        # The saved one is for the other provider.
        replaced = self.saved is not None and form.chosen.key != self.saved.provider
        removed = removed or (replaced and not entered.secrets.get("client_secret"))
        names = {"client_secret"} if removed and "client_secret" in form.optional_fields() else set()
        if form.remove_client_certificate.data and not form.client_certificate.data:
            names.add(CLIENT_CERTIFICATE)
        return replace(entered, removed=frozenset(names))

    def _seal_secrets(self, entered: EnteredServer) -> str:
        """Return the entered secrets, sealed for the next form; empty if none."""
        return Carried.of(entered, saved=self._followed(entered)).seal(self.sealer, self.user_id)

    def _followed(self, entered: EnteredServer) -> dict[str, str]:
        """Return the saved secrets among those of a server: they have followed a fix, but nobody has entered them."""
        carried = Carried.open(self.sealer, self.posted.get("carried_secrets"), self.user_id)
        return {name: value for name, value in carried.saved.items() if entered.secrets.get(name) == value}

    def _carried(self, form: MailServerForm) -> Carried:
        """Return the secrets that this administrator entered earlier."""
        return Carried.open(self.sealer, form.carried_secrets.data, self.user_id)

    def _secret_errors(self, form: MailServerForm, entered: EnteredServer) -> dict[str, str]:
        """Return what to say at each secret that is missing, or that the saved one may not be used for."""
        kept = self.saved.sealed_secrets if self.saved else {}
        required = entered.secret_names - {PROXY_PASSWORD} - form.optional_fields()
        missing = {name for name in required if not entered.secrets.get(name) and name not in kept}
        retype = servers.secrets_to_retype(self.saved, entered)
        carried = self._carried(form).destination
        since_entered = {name for name, value in destination(entered).items() if carried.get(name, value) != value}
        since_saved = servers.destination_changes(self.saved, entered) if self.saved and retype else frozenset()
        return {
            name: _secret_error(form, name, since_entered or (since_saved if name in retype else frozenset()))
            for name in sorted(missing | retype)
        }


def _values(server: MailServer | None) -> dict[str, Any]:
    return {**{name: getattr(server, name) for name in COLUMNS}, **server.provider_fields} if server else {}


def _secret_error(form: MailServerForm, name: str, changed: frozenset[str] | set[str]) -> str:
    """Return what to say at a blank secret that has to be entered, perhaps again because of what `changed`."""
    relevant = set(PROXY_DESTINATION) if name == PROXY_PASSWORD else changed - {"proxy_username"}
    label = form[name].label.text
    if not changed & relevant or changed & relevant & SECRET_KIND:
        return _("Enter a value for “%(field)s”.", field=label)
    fields = formatting.format_list(str(field.label.text) for field in form if field.name in changed & relevant)
    return _(
        "Enter “%(field)s” again, because you changed %(fields)s. (For safety, it's only sent to the server you "
        "entered it for.)",
        field=label,
        fields=fields,
    )
