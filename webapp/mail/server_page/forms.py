"""The form of a mail server: the fields that all have, and those that its provider adds."""

from collections.abc import Mapping
from typing import Any

import structlog
from flask_babel import gettext as _
from wtforms import BooleanField, Field, HiddenField, PasswordField, RadioField, SelectChoice, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, ValidationError

from webapp.core.texts import lazy_gettext as lazy
from webapp.mail.server_page import fields as checks
from webapp.mail.server_page import oauth_checks
from webapp.mail.server_page.fields import DayField, NumberField, SecretTextField, host_name
from webapp.mail.servers import CLIENT_SECRETS, OAUTH2_COLUMNS, PROXY_PASSWORD, ServerDraft
from webapp.providers import Authentication, OAuth2, Provider
from webapp.providers.registry import ProviderRegistry, secret_fields
from webapp.web.forms import MAX_TEXT_LENGTH, Form, stripped, text_problem
from webapp.web.versioned_forms import VersionedForm

COLUMNS = (
    "provider", "mail_from", "host", "port", "security", "tls_minimum", "timeout", "proxy_type", "proxy_host",
    "proxy_port", "proxy_username", "authentication", "username", *OAUTH2_COLUMNS,
    "secret_expires_on",
)  # fmt: skip
SECRETS = ("password", PROXY_PASSWORD, *CLIENT_SECRETS)
# What plugins may not call their own fields.
RESERVED = frozenset({
    *COLUMNS, *SECRETS, "shown", "kept", "typed", "csrf_token", "save", "test", "choose", "apply", "test_recipient",
    "generate", "held_form", "drawn_of", "remove_client_secret",
})  # fmt: skip
DEFAULTS: dict[str, Any] = {"provider": "custom", "tls_minimum": "1.2", "timeout": 10, "proxy_type": "none"}
REQUIRING = (DataRequired, InputRequired)
# What the page carries along for itself. It is checked when it is opened, and may be long.
CARRIED = ("shown", "kept", "typed", "drawn_of")

log = structlog.get_logger(__name__)


def needed(form: Form, field: Field) -> None:
    """Validator: something must be entered."""
    if field.data is None or not str(field.data).strip():
        raise ValidationError(_("Enter a value."))


class MailServerForm(VersionedForm):
    """One mail server. Secrets are write-only: blank keeps the saved one."""

    shown = HiddenField()
    kept = HiddenField()
    typed = HiddenField()
    provider = RadioField(lazy("Provider"), validate_choice=False)
    mail_from = StringField(
        lazy("Mail From"), [needed, Length(max=checks.MAX_SENDER_LENGTH), checks.valid_sender], filters=[stripped]
    )
    authentication = RadioField(lazy("Authentication"), validate_choice=False)
    username = StringField(lazy("User name"), [Length(max=320)], filters=[stripped])
    password = PasswordField(lazy("Password"))
    client_id = StringField(lazy("Client ID"), filters=[stripped])
    client_secret = PasswordField(lazy("Client secret"))
    remove_client_secret = BooleanField(lazy("Remove the saved client secret"))
    tenant_id = StringField(lazy("Directory (tenant) ID"), filters=[stripped])
    authorize_url = StringField(lazy("Authorization URL"), filters=[stripped])
    device_authorization_url = StringField(lazy("Device authorization URL"), filters=[stripped])
    token_url = StringField(lazy("Token URL"), filters=[stripped])
    scopes = StringField(lazy("Scopes"), filters=[stripped])
    service_account_key = SecretTextField(lazy("Service account key (JSON)"))
    secret_expires_on = DayField(lazy("Secret or key expires on"))
    host = StringField(lazy("Host"), [needed, Length(max=255)], filters=[host_name])
    port = NumberField(lazy("Port"), [needed, NumberRange(1, 65535, lazy("Enter a port from 1 to 65535."))])
    security = RadioField(
        lazy("Security"),
        choices=[
            SelectChoice("starttls", lazy("STARTTLS (usually port 587)")),
            SelectChoice("tls", lazy("TLS from the start (port 465)")),
            SelectChoice("none", lazy("None (not encrypted: anyone on the network can read it)")),
        ],
        validate_choice=False,
    )
    timeout = NumberField(
        lazy("Timeout in seconds"), [needed, NumberRange(1, 120, lazy("Enter a number of seconds from 1 to 120."))]
    )
    tls_minimum = SelectField(
        lazy("Minimum TLS version"),
        choices=[SelectChoice("1.2", "TLS 1.2"), SelectChoice("1.3", "TLS 1.3")],
        validate_choice=False,
    )
    proxy_type = SelectField(
        lazy("Proxy"),
        choices=[
            SelectChoice("none", lazy("No proxy")),
            SelectChoice("http", lazy("HTTP (CONNECT)")),
            SelectChoice("socks5", "SOCKS5"),
        ],
        validate_choice=False,
    )
    proxy_host = StringField(lazy("Proxy host"), [Length(max=255), checks.valid_host], filters=[host_name])
    proxy_port = NumberField(lazy("Proxy port"), [])
    proxy_username = StringField(lazy("Proxy user name"), [Length(max=255)], filters=[stripped])
    proxy_password = PasswordField(lazy("Proxy password"))
    test_recipient = StringField(lazy("Send test email to"), [Length(max=254)], filters=[stripped])

    chosen: Provider
    providers: ProviderRegistry
    # Whether another provider is saved, whose secrets are not this one's.
    replaces_another = False

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether everything is right, the provider's own fields included."""
        self._fill_in()
        try:
            valid = super().validate(extra_validators)
        except Exception as error:  # a provider's own field or validator
            log.exception("plugin failed to check its fields", provider=self.chosen.key)
            text = _("This provider's plugin failed: %(error)s", error=type(error).__name__)
            self.form_errors.append(f"{self.chosen.label}: {text}")
            return False
        for problem in (self._choices, self._host, self._sign_in, self._proxy):
            valid = problem() and valid
        return valid

    def validate_for_test(self) -> bool:
        """As `validate`, and the recipient of the test mail too."""
        self.test_recipient.validators = (Length(max=254), checks.valid_recipient)
        return self.validate()

    def draft(self) -> ServerDraft:
        """What was entered, cleaned as the chosen provider says."""
        method = self._method
        values = {name: self[name].data for name in COLUMNS}
        values |= {**dict.fromkeys(OAUTH2_COLUMNS, ""), "provider": self.chosen.key}
        secrets = {name: self[name].data or "" for name in (*SECRETS, *secret_fields(self.chosen))}
        if method is not None:
            for name in {*COLUMNS, *SECRETS}.intersection(method.fields):
                into = secrets if name in secrets else values
                into[name] = self._cleaned(method, name, self[name].data or "")
        typed = {name: value.strip("\r\n") for name, value in secrets.items()}
        return ServerDraft(self.chosen, values, self.extra(), typed, self._removed())

    def _removed(self) -> frozenset[str]:
        """The secrets that are to be forgotten: one that is typed, or that the sign-in needs, is not."""
        unneeded = "client_secret" in self.optional_fields() and not self.client_secret.data
        unwanted = self.remove_client_secret.data or self.replaces_another
        return frozenset({"client_secret"} if unneeded and unwanted else ())

    def extra(self) -> dict[str, str]:
        """The provider's own fields, secrets excepted."""
        names = set(self.chosen.fields) - secret_fields(self.chosen)
        return {name: str(self[name].data if self[name].data is not None else "") for name in sorted(names)}

    def optional_fields(self) -> frozenset[str]:
        """The fields of the provider and of the way to sign in that may stay empty."""
        own = {name for name in self.chosen.fields if any(isinstance(rule, Optional) for rule in self[name].validators)}
        return frozenset(own | set(self._method.optional_fields if self._method else ()))

    @property
    def _method(self) -> Authentication | None:
        return self.chosen.authentication_named(self.authentication.data or "")

    def _problem_of(self, field: Field) -> str | None:
        if field.name in CARRIED:
            return None
        method = self._method
        if (
            field.name in SECRETS
            and method is not None
            and field.name in method.fields
            and len(field.raw_data or ()) == 1
        ):
            # A key that was copied with its line broken is whole again once it is cleaned.
            clean = self._cleaned(method, field.name, field.data or "")
            many = isinstance(field, SecretTextField)
            return text_problem(
                clean, lines=many, secret=True, most=oauth_checks.LONGEST_KEY if many else MAX_TEXT_LENGTH
            )
        return super()._problem_of(field)

    def _cleaned(self, method: Authentication, name: str, value: str) -> str:
        try:
            return method.clean(name, value)
        except Exception:  # a plugin's code: what was typed is then used as it is
            log.exception("plugin failed to clean", provider=self.chosen.key, field=name)
            return value

    def _fill_in(self) -> None:
        """Blank host, port and user name are the provider's own."""
        connection = self.chosen.connection
        if not self.host.data and connection.host:
            self.host.data = connection.host
        if self.port.data is None and not self.port.process_errors and connection.host:
            self.port.data = connection.port
        method = self._method
        if not self.username.data and method is not None and "username" in method.fields:
            self.username.data = getattr(method, "username", "")

    def _choices(self) -> bool:
        good = True
        for name in ("provider", "authentication", "security", "tls_minimum", "proxy_type"):
            choices: Any = self[name]
            if choices.data not in [choice.value for choice in choices.iter_choices()]:
                good = self.problem(name, _("Choose one of the options."))
        return good

    def _host(self) -> bool:
        if self.host.errors:
            return False
        host = self.chosen.host(self.host.data or "", self.extra())
        text = checks.host_problem(host) if host else None
        return self.problem("host", text) if text else True

    def _sign_in(self) -> bool:
        method, good = self._method, True
        if method is not None and "username" in method.fields and not self.username.data:
            good = self.problem("username", _("Enter the user name to sign in with."))
        if isinstance(method, OAuth2):
            for name, text in oauth_checks.problems(method, self.draft()):
                good = self.problem(name, text)
        return good

    def _proxy(self) -> bool:
        if self.proxy_type.data == "none":
            return True
        good = True
        if not self.proxy_host.data:
            good = self.problem("proxy_host", _("Enter the proxy's host name."))
        if not self.proxy_port.errors and not 1 <= (self.proxy_port.data or 0) <= 65535:
            good = self.problem("proxy_port", _("Enter a port from 1 to 65535."))
        if self.proxy_type.data == "socks5":
            for name in ("proxy_username", "proxy_password"):
                # python-socks sends them as ASCII; RFC 1929 says nothing about other letters.
                if not (self[name].data or "").isascii():
                    good = self.problem(
                        name, _("SOCKS5 accepts only ASCII characters: unaccented letters, digits and common symbols.")
                    )
        return good


def mail_server_form(
    provider: Provider, providers: ProviderRegistry, data: Mapping[str, Any], sent: bool
) -> MailServerForm:
    """The form for one provider, filled with `data` and, if `sent`, with what the browser sends.

    A field that the browser does not send keeps its value from `data`.
    """
    kind = type("ProviderForm", (MailServerForm,), dict(provider.fields))
    values = {**DEFAULTS, **data, "provider": provider.key}
    form: MailServerForm = kind(data=values) if sent else kind(formdata=None, data=values)
    form.chosen = provider
    form.providers = providers
    for name in secret_fields(provider):
        # Blank keeps the saved one, so whether a secret is there is asked where that is known.
        form[name].validators = tuple(one for one in form[name].validators if not isinstance(one, REQUIRING))
    form.provider.choices = [SelectChoice(one.key, str(one.label)) for one in providers]
    ways = provider.authentication_methods
    form.authentication.choices = [SelectChoice(one.key, str(one.label)) for one in ways]
    if not sent and form.authentication.data not in [one.key for one in ways]:
        form.authentication.data = ways[0].key
    return form
