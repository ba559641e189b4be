"""The form of a mail server: the fields that all have, and those that its provider adds."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    Field,
    HiddenField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from webapp.core import certificates
from webapp.core.certificates import MAX_PEM_LENGTH
from webapp.core.i18n import lazy_gettext as lazy
from webapp.core.text import hidden_character
from webapp.mail.redaction import Redactor
from webapp.mail.server_page import checks, oauth_checks
from webapp.mail.server_page.checks import host_name, if_used, required
from webapp.mail.server_page.fields import CertificateField, CertificatesField, DayField, NumberField, SecretTextField
from webapp.mail.servers import (
    CLIENT_CERTIFICATE,
    CLIENT_SECRETS,
    COLUMNS,
    OAUTH2_COLUMNS,
    PROXY_PASSWORD,
    ROUTE,
    TRUST,
    EnteredServer,
)
from webapp.providers import Authentication, Password, Provider, guard
from webapp.providers.guard import PluginFailed
from webapp.providers.registry import get_providers
from webapp.web.forms import MAX_TEXT_LENGTH, VersionedForm, text_error

SECRETS = ("password", PROXY_PASSWORD, *CLIENT_SECRETS, CLIENT_CERTIFICATE)
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER")
# What the page carries along for itself. It is checked when it is used, and may be long.
CARRIED = ("shown_provider", "kept_values", "carried_secrets", "version")
DEFAULTS: dict[str, Any] = {
    "provider": "custom", "tls_minimum": "1.2", "timeout": 10, "proxy_type": "none", "goes_back": False, **ROUTE,
}  # fmt: skip
REQUIRING = (DataRequired, InputRequired)


class MailServerForm(VersionedForm):
    """One mail server. Secrets are write-only: blank keeps the saved one."""

    shown_provider = HiddenField()
    kept_values = HiddenField()
    carried_secrets = HiddenField()
    provider = RadioField(lazy("Provider"), [checks.valid_choice], validate_choice=False)
    mail_from = StringField(lazy("Mail From"), [required, Length(max=checks.MAX_SENDER_LENGTH), checks.valid_sender])
    authentication = RadioField(lazy("Authentication"), [checks.valid_choice], validate_choice=False)
    username = StringField(lazy("User name"), [Length(max=320), if_used()])
    password = PasswordField(lazy("Password"))
    client_id = StringField(lazy("Client ID"), [if_used(oauth_checks.valid_client_id)])
    client_secret = PasswordField(lazy("Client secret"))
    remove_client_secret = BooleanField(lazy("Remove the saved client secret"))
    tenant_id = StringField(lazy("Directory (tenant) ID"), [if_used(oauth_checks.valid_tenant_id)])
    authorize_url = StringField(lazy("Authorization URL"), [if_used(oauth_checks.valid_url)])
    device_authorization_url = StringField(lazy("Device authorization URL"), [if_used(oauth_checks.valid_url)])
    token_url = StringField(lazy("Token URL"), [if_used(oauth_checks.valid_token_url)])
    scopes = StringField(lazy("Scopes"), [if_used(oauth_checks.valid_scopes)])
    service_account_key = SecretTextField(
        lazy("Service account key (JSON)"), [if_used(oauth_checks.valid_service_account_key)]
    )
    secret_expires_on = DayField(lazy("Secret or key expires on"))
    host = StringField(lazy("Host"), [required, Length(max=255), checks.valid_server_host], filters=[host_name])
    port = NumberField(
        lazy("Port"),
        [required, NumberRange(1, 65535, lazy("Enter a port from 1 to 65535.")), checks.permitted_port],
    )
    security = RadioField(
        lazy("Security"),
        [checks.valid_choice],
        choices=[
            SelectChoice("starttls", lazy("STARTTLS (usually port 587)")),
            SelectChoice("tls", lazy("TLS from the start (usually port 465)")),
            SelectChoice("none", lazy("None (not encrypted: anyone on the network can read it)")),
        ],
        validate_choice=False,
    )
    timeout = NumberField(
        lazy("Timeout in seconds"), [required, NumberRange(1, 120, lazy("Enter a number of seconds from 1 to 120."))]
    )
    tls_minimum = SelectField(
        lazy("Minimum TLS version"),
        [checks.valid_choice],
        choices=[SelectChoice("1.2", "TLS 1.2"), SelectChoice("1.3", "TLS 1.3")],
        validate_choice=False,
    )
    address_family = SelectField(
        lazy("Address family"),
        [checks.valid_choice],
        choices=[
            SelectChoice("any", lazy("IPv4 and IPv6")),
            SelectChoice("ipv4", lazy("IPv4 only")),
            SelectChoice("ipv6", lazy("IPv6 only")),
        ],
        validate_choice=False,
    )
    mechanism = SelectField(
        lazy("Sign-in mechanism"),
        [checks.valid_choice],
        choices=[SelectChoice("", lazy("Automatic")), *(SelectChoice(name, name) for name in MECHANISMS)],
        validate_choice=False,
    )
    trusted_certificates = CertificatesField(
        lazy("Trusted certificate authorities"), [checks.certificates_of_authorities]
    )
    pinned_certificate = CertificateField(lazy("Pinned certificate"))
    # Fingerprints of those among the above that are to be removed.
    untrusted = SelectMultipleField(choices=[], validate_choice=False)
    client_certificate = SecretTextField(lazy("Client certificate and key"), [checks.valid_client_certificate])
    remove_client_certificate = BooleanField(lazy("Remove the saved client certificate"))
    proxy_type = SelectField(
        lazy("Proxy"),
        [checks.valid_choice],
        choices=[
            SelectChoice("none", lazy("No proxy")),
            SelectChoice("http", lazy("HTTP (CONNECT)")),
            SelectChoice("socks5", "SOCKS5"),
        ],
        validate_choice=False,
    )
    proxy_host = StringField(lazy("Proxy host"), [Length(max=255), checks.valid_proxy_host], filters=[host_name])
    proxy_port = NumberField(lazy("Proxy port"), [checks.valid_proxy_port])
    proxy_username = StringField(lazy("Proxy user name"), [Length(max=255), checks.ascii_with_socks5])
    proxy_password = PasswordField(lazy("Proxy password"), [checks.ascii_with_socks5])
    limit_per_minute = NumberField(lazy("Emails per minute"), [checks.valid_limit])
    limit_per_day = NumberField(lazy("Emails in 24 hours"), [checks.valid_limit])
    limit_connections = NumberField(lazy("Connections at once"), [checks.valid_limit])
    goes_back = BooleanField(lazy("If email fails after a change, restore the settings that worked"))
    discover_for = StringField(lazy("Domain or email address"), [Length(max=254)])
    test_recipient = StringField(lazy("Send test email to"), [Length(max=254)])

    chosen: Provider

    @property
    def method(self) -> Authentication | None:
        """The authentication that is chosen, if the provider has it."""
        return self.chosen.authentication_named(self.authentication.data or "")

    def validate(self, extra_validators: Any = None) -> bool:
        """Return whether all fields are right, the provider's own included."""
        check = partial(super().validate, extra_validators)
        if not self.chosen.fields:
            return check()
        try:
            return guard.run(self.chosen.key, check, redact=Redactor(self.to_server().secrets.values()))
        except PluginFailed as error:
            text = _("This provider's plugin failed: %(error)s", error=str(error))
            self.form_errors.append(f"{self.chosen.label}: {text}")
            return False

    def validate_for_test(self, sends: bool = True) -> bool:
        """Return whether all fields are right, the recipient included, who must get email if the test `sends`."""
        return self.validate({"test_recipient": [checks.valid_recipient, *([checks.may_get_email] if sends else [])]})

    def tidy(self) -> None:
        """Forgive slips of copying, and fill in the provider's own host, port and user name where they are blank."""
        method, connection = self.method, self.chosen.connection
        if method is not None:
            for name in {*COLUMNS, *SECRETS}.intersection(method.fields):
                self[name].data = self._cleaned(method, name, self[name].data or "")
            if "username" in method.fields and not self.username.data:
                self.username.data = getattr(method, "username", "")
        if connection.host and not self.host.data:
            self.host.data = connection.host
        if connection.host and self.port.data is None and not self.port.process_errors:
            self.port.data = connection.port

    def to_server(self) -> EnteredServer:
        """Return the mail server that the form describes."""
        unused = set(OAUTH2_COLUMNS) - set(self.method.fields if self.method else ())
        values = {name: "" if name in unused else self[name].data for name in COLUMNS}
        for name in TRUST:
            values[name] = certificates.without(values[name] or "", self.untrusted.data or ())
        secrets = {name: self[name].data.strip("\r\n") for name in (*SECRETS, *self.chosen.secret_fields)}
        return EnteredServer(self.chosen, values | {"provider": self.chosen.key}, self.provider_fields(), secrets)

    def provider_fields(self) -> dict[str, str]:
        """Return the values of the provider's own fields, except for secrets."""
        names = set(self.chosen.fields) - self.chosen.secret_fields
        return {name: str(self[name].data if self[name].data is not None else "") for name in sorted(names)}

    def optional_fields(self) -> frozenset[str]:
        """Return the fields of the provider and of the authentication that may stay blank."""
        own = {name for name in self.chosen.fields if any(isinstance(rule, Optional) for rule in self[name].validators)}
        return frozenset(own | set(self.method.optional_fields if self.method else ()) | {CLIENT_CERTIFICATE})

    def _text_error(self, field: Field) -> str | None:
        if field.name in CARRIED:
            return None
        if isinstance(field, CertificatesField) or field.name == CLIENT_CERTIFICATE:
            return super()._text_error(field) if len(field.raw_data or ()) > 1 else _pem_error(field)
        used = self.method is not None and field.name in self.method.fields
        if used and field.name in SECRETS and len(field.raw_data or ()) == 1:
            # Tidied already: a key that was copied with a line break in it is whole again.
            lines = isinstance(field, SecretTextField)
            most = oauth_checks.MAX_KEY_LENGTH if lines else MAX_TEXT_LENGTH
            return text_error(field.data, lines=lines, secret=True, most=most) or _blank_at_the_ends(field)
        return super()._text_error(field) or (_blank_at_the_ends(field) if isinstance(field, PasswordField) else None)

    def _cleaned(self, method: Authentication, name: str, value: str) -> str:
        try:
            return guard.run(self.chosen.key, partial(method.clean, name, value), redact=Redactor([value]))
        except PluginFailed:
            # What was entered is then used as it is.
            return value


def _pem_error(field: Field) -> str | None:
    return text_error(field.data or "", lines=True, most=MAX_PEM_LENGTH)


def _blank_at_the_ends(field: Field) -> str | None:
    """Say which blank was copied along with a secret. A space may be part of it, so it is kept."""
    ends = field.data.strip("\r\n")
    if blank := hidden_character(ends[:1] + ends[-1:], spaces=False):
        return _("Remove the blank at the start or the end (%(character)s).", character=blank)
    return None


# The names that plugins may not give to their own fields: of fields, buttons, and attributes of the form.
RESERVED = frozenset({
    *COLUMNS, *dir(MailServerForm), "csrf_token", "save", "test", "check", "cancel", "kept_form", "choose", "apply",
    "discover", "generate", "saved_form", "chosen",
})  # fmt: skip


def mail_server_form(
    provider: Provider, values: Mapping[str, Any], posted: MultiDict[str, str] | None
) -> MailServerForm:
    """Return the form for one provider, filled with `values` and, unless it is None, with what was `posted`.

    A field that was not posted keeps its value.
    """
    kind = type("ProviderForm", (MailServerForm,), dict(provider.fields))
    form: MailServerForm = kind(formdata=posted or None, data={**DEFAULTS, **values, "provider": provider.key})
    form.chosen = provider
    if posted is not None and not {"goes_back", "shown_provider"} & posted.keys():
        # Only a page leaves out the boxes that aren't ticked.
        form.goes_back.data = form.goes_back.object_data
    for name in provider.secret_fields:
        # Blank keeps the saved one, so `form_state` decides whether a secret is missing.
        form[name].validators = tuple(one for one in form[name].validators if not isinstance(one, REQUIRING))
    form.provider.choices = [SelectChoice(one.key, str(one.label)) for one in get_providers()]
    methods = provider.authentication_methods
    form.authentication.choices = [SelectChoice(one.key, str(one.label)) for one in methods]
    password = next((one for one in methods if isinstance(one, Password)), None)
    if password is not None:
        form.username.label.text, form.password.label.text = str(password.username_label), str(password.password_label)
    if posted is not None:
        form.tidy()
    elif form.authentication.data not in [one.key for one in methods]:
        form.authentication.data = methods[0].key
    return form
