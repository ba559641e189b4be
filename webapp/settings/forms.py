"""The forms of the settings pages, and how a public URL is written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any
from urllib.parse import SplitResult, urlsplit

import idna
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Field, RadioField, SelectChoice, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from webapp.core import domain_lists
from webapp.core.domain_lists import NotADomain
from webapp.core.email_addresses import InvalidEmailAddress, validate
from webapp.core.formatting import format_minutes
from webapp.core.hosts import is_loopback, parse_ip_address
from webapp.core.i18n import lazy_gettext as lazy
from webapp.core.text import hidden_character, trimmed
from webapp.settings.service import SecurityPolicy, SendTo
from webapp.web.fields import DAY, UNITS, WholeNumberField, duration, duration_unit, whole_number
from webapp.web.forms import VersionedForm, labels_of, text_error

# In minutes: the shortest and the longest duration that makes sense.
DURATION_LIMITS = {
    "activation": (5, 30 * DAY),
    "reset": (5, 7 * DAY),
    "session_idle": (5, 90 * DAY),
    "session": (15, 90 * DAY),
    "session_remembered": (60, 365 * DAY),
    "lockout": (1, DAY),
}
MIN_AUDIT_RETENTION_DAYS, MAX_DAYS = 30, 3650
AUDIT_RETENTION = lazy(
    "Enter 0, or a whole number from %(least)s to %(most)s.", least=MIN_AUDIT_RETENTION_DAYS, most=MAX_DAYS
)
CHARACTER_KINDS = (
    "password_min_uppercase",
    "password_min_lowercase",
    "password_min_digits",
    "password_min_special",
)  # fmt: skip

Check = Callable[["SecurityForm", Field], None]


class GeneralForm(VersionedForm):
    """The general settings. The view removes what the environment sets."""

    public_url = StringField(lazy("Public URL"), [DataRequired(lazy("Enter the public URL."))])
    product_name = StringField(
        lazy("Product name"),
        [
            DataRequired(lazy("Enter a product name.")),
            Length(max=60, message=lazy("Too long: use at most 60 characters.")),
        ],
    )
    support_address = StringField(lazy("Support address"))
    send_to = RadioField(
        lazy("Who gets email"),
        choices=[
            SelectChoice(SendTo.EVERYONE, lazy("Everyone")),
            SelectChoice(SendTo.DOMAINS, lazy("Only addresses at these domains")),
            SelectChoice(SendTo.NOBODY, lazy("Nobody")),
        ],
    )
    send_to_domains = StringField(lazy("Domains"))

    def validate_public_url(self, field: Field) -> None:
        """Check the URL and normalise it."""
        try:
            field.data = normalise_public_url(field.data)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def validate_support_address(self, field: Field) -> None:
        """Check the email address; it may be empty."""
        try:
            field.data = validate(field.data) if field.data else ""
        except InvalidEmailAddress as error:
            raise ValidationError(str(error)) from error

    def validate_send_to_domains(self, field: Field) -> None:
        """Check the domains and normalise them; some are needed where only these get email."""
        try:
            written = domain_lists.write(domain_lists.parse(field.data))
        except NotADomain as error:
            text = _("“%(text)s” is not a domain. Enter domains such as example.com.", text=error)
            raise ValidationError(text) from error
        # As they are stored, they may be longer than as they were entered.
        if problem := text_error(written):
            raise ValidationError(problem)
        field.data = written
        if not field.data and "send_to" in self and self.send_to.data == SendTo.DOMAINS:
            raise ValidationError(_("Enter the domains that get email."))


class SecurityForm(VersionedForm):
    """The security settings. What is `x_minutes` there is a pair of fields here: `x` and `x_unit`."""

    password_min_length = whole_number(lazy("Minimum password length"), 8, 64)
    password_reject_common = BooleanField(lazy("Reject passwords that are easy to guess"))
    password_min_uppercase = whole_number(lazy("Minimum uppercase letters"), 0, 10)
    password_min_lowercase = whole_number(lazy("Minimum lowercase letters"), 0, 10)
    password_min_digits = whole_number(lazy("Minimum digits"), 0, 10)
    password_min_special = whole_number(lazy("Minimum special characters"), 0, 10)
    password_max_age_days = whole_number(lazy("Maximum password age (days)"), 0, MAX_DAYS)
    password_history_length = whole_number(lazy("Previous passwords that can't be reused"), 0, 24)
    activation = duration(lazy("Activation link lifetime"), *DURATION_LIMITS["activation"])
    activation_unit = duration_unit()
    reset = duration(lazy("Reset link lifetime"), *DURATION_LIMITS["reset"])
    reset_unit = duration_unit()
    session_idle = duration(lazy("Inactivity timeout"), *DURATION_LIMITS["session_idle"])
    session_idle_unit = duration_unit()
    session = duration(lazy("Maximum session length"), *DURATION_LIMITS["session"])
    session_unit = duration_unit()
    session_remembered = duration(
        lazy("Maximum session length with “Remember me”"), *DURATION_LIMITS["session_remembered"]
    )
    session_remembered_unit = duration_unit()
    lockout_threshold = whole_number(lazy("Failed attempts before lockout"), 3, 100)
    lockout = duration(lazy("Lockout duration"), *DURATION_LIMITS["lockout"])
    lockout_unit = duration_unit()
    audit_retention_days = WholeNumberField(lazy("Days to keep audit entries"), 0, MAX_DAYS, AUDIT_RETENTION)

    @classmethod
    def from_policy(cls, policy: SecurityPolicy) -> "SecurityForm":
        """Return the form with the saved settings, or with what was posted."""
        values: dict[str, Any] = {name: getattr(policy, name) for name in _plain_fields()}
        for name in DURATION_LIMITS:
            minutes = getattr(policy, f"{name}_minutes")
            values[f"{name}_unit"] = max(size for size in UNITS if minutes % size == 0)
            values[name] = minutes // values[f"{name}_unit"]
        return cls(data=values)

    def to_policy(self) -> SecurityPolicy:
        """Return what was posted; the form must be valid."""
        values: dict[str, Any] = {name: self[name].data for name in _plain_fields()}
        values |= {f"{name}_minutes": self.minutes(name) for name in DURATION_LIMITS}
        return SecurityPolicy(**values)

    def minutes(self, name: str) -> int:
        """Return a duration in minutes; 0 while it is not valid."""
        size = self[f"{name}_unit"].data
        return int(self[name].data or 0) * (size if size in UNITS else 0)

    def validate(self, extra_validators: Any = None) -> bool:
        """Check each field, the limits of durations, and durations against each other."""
        checks: dict[str, list[Check]] = {name: [_within_limits] for name in DURATION_LIMITS}
        too_long = _("This can't be longer than the maximum session length below.")
        checks["session_idle"].append(_not_longer_than("session", too_long))
        too_long = _("This can't be longer than the maximum session length with “Remember me” below.")
        checks["session"].append(_not_longer_than("session_remembered", too_long))
        return super().validate({**checks, **(extra_validators or {})})

    def validate_password_min_length(self, field: Field) -> None:
        """Check that a password has room for all characters it must contain."""
        wanted = sum(self[kind].data or 0 for kind in CHARACTER_KINDS)
        if wanted > (field.data or 0):
            raise ValidationError(_("The minimums below already add up to %(wanted)s characters.", wanted=wanted))

    def validate_audit_retention_days(self, field: Field) -> None:
        """Keep entries long enough that nobody can remove the traces of what was done just now."""
        if 0 < (field.data or 0) < MIN_AUDIT_RETENTION_DAYS:
            raise ValidationError(str(AUDIT_RETENTION))


def field_labels() -> dict[str, str]:
    """Return the labels of all settings, by the names of their columns."""
    labels = labels_of(GeneralForm) | labels_of(SecurityForm)
    return labels | {f"{name}_minutes": labels[name] for name in DURATION_LIMITS}


def field_of(column: str) -> str:
    """Return the name of the field that shows a column of the security settings."""
    return column.removesuffix("_minutes")


def fields_of(columns: Iterable[str]) -> frozenset[str]:
    """Return the names of all fields that show these columns, those of the units included."""
    names = frozenset(map(field_of, columns))
    return names | {f"{name}_unit" for name in names.intersection(DURATION_LIMITS)}


def as_posted(policy: SecurityPolicy) -> dict[str, str]:
    """Return what a browser sends that changes nothing of the form; durations are in minutes."""
    values = {field_of(key): "false" if value is False else str(value) for key, value in asdict(policy).items()}
    return values | {f"{name}_unit": "1" for name in DURATION_LIMITS}


def with_partners(posted: MultiDict[str, str], saved: Mapping[str, str]) -> MultiDict[str, str]:
    """Return what is posted of the general settings, and as they are saved the fields whose rules depend on it."""
    pair = {name: saved[name] for name in ("send_to", "send_to_domains")}
    return MultiDict({**pair, **posted.to_dict()}) if pair.keys() & posted.keys() else posted


def normalise_public_url(text: str) -> str:
    """Normalise a public URL: `https://mail.example.com`, an IDN as A-labels, no slash at the end.

    Raises ValueError with a message for the user if `text` is anything but scheme, host and port.
    """
    text = trimmed(text)
    if hidden := hidden_character(text, spaces=False):
        raise ValueError(_("A URL can't contain %(character)s.", character=hidden))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(_("This is not a valid URL. Enter one such as https://mail.example.com.")) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(_("Enter https:// followed by the host name, for example https://mail.example.com."))
    if parts.username is not None or parts.password is not None:
        raise ValueError(_("Remove the user name and password from the URL."))
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise ValueError(_("Enter the URL without a path: Mailroom must be served from the root of its host."))
    return f"{parts.scheme}://{_host(host)}{_port(parts, port)}"


def is_plain_http(url: str) -> bool:
    """Return whether links to this URL would leave this machine unencrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def works_only_here(url: str) -> bool:
    """Return whether links to this URL only work on this machine (RFC 6761, 6.3, for names)."""
    host = urlsplit(url).hostname or ""
    ip = parse_ip_address(host)
    return is_loopback(host) or host.endswith(".localhost") or bool(ip and ip.is_unspecified)


def url_warning(url: str) -> str:
    """Return what is wrong with links to this URL; empty if nothing is."""
    if works_only_here(url):
        return _(
            "This URL only works on this machine, so links in emails won't work for other people. "
            "Enter one that they can open, unless this is a test."
        )
    if is_plain_http(url):
        return _(
            "This URL starts with http://, so anyone on the network can read links to it. "
            "Use https:// unless this is a test."
        )
    return ""


def warning_below(field: Field) -> str:
    """Return the warning about the public URL that a field shows, which isn't the saved one once another was posted."""
    return "" if field.errors else url_warning(field.data)


def _host(host: str) -> str:
    if ip := parse_ip_address(host):
        return f"[{ip}]" if ip.version == 6 else str(ip)
    try:
        return idna.encode(host.rstrip("."), uts46=True, std3_rules=True).decode()
    except idna.IDNAError:
        raise ValueError(_("“%(host)s” is not a valid host name.", host=host)) from None


def _port(parts: SplitResult, port: int | None) -> str:
    if port == 0:
        raise ValueError(_("The port must be between 1 and 65535."))
    return "" if port in (None, {"http": 80, "https": 443}[parts.scheme]) else f":{port}"


def _plain_fields() -> list[str]:
    return [field.name for field in fields(SecurityPolicy) if not field.name.endswith("_minutes")]


def _within_limits(form: SecurityForm, field: Field) -> None:
    least, most = DURATION_LIMITS[field.name]
    if not least <= form.minutes(field.name) <= most:
        raise ValidationError(
            _("Enter a time from %(least)s to %(most)s.", least=format_minutes(least), most=format_minutes(most))
        )


def _not_longer_than(other: str, problem: str) -> Check:
    def check(form: SecurityForm, field: Field) -> None:
        if form.minutes(field.name) > form.minutes(other) > 0:
            raise ValidationError(problem)

    return check
