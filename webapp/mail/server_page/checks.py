"""What counts as a host, a port, a sender and a certificate in the mail server form."""

import re
from collections.abc import Callable
from email.headerregistry import Address
from typing import Any

import idna
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from flask_babel import format_decimal
from flask_babel import gettext as _
from wtforms import Field, ValidationError

from webapp.core import certificates, clock
from webapp.core.email_addresses import ENCODED_WORD, InvalidEmailAddress, validate, with_ascii_at
from webapp.core.formatting import format_list
from webapp.core.hosts import parse_ip_address
from webapp.core.i18n import lazy_gettext as lazy
from webapp.core.sockets import allows_private_hosts
from webapp.core.text import hidden_character, trimmed
from webapp.mail.mime import ascii_domain
from webapp.mail.server_page.fields import SecretTextField
from webapp.mail.transport.settings import MAIL_PORTS
from webapp.settings.context import general_settings

# A name, quoted or as it is, and an address in angle brackets.
_NAMED = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^<>"]*))\s*<(?P<address>[^<>]*)>')
MAX_SENDER_LENGTH = 320
CLIENT_PROBLEMS = {
    "no_certificate": lazy("Paste the certificate, too: it begins with -----BEGIN CERTIFICATE-----."),
    "no_key": lazy("Paste the private key, too: it begins with -----BEGIN PRIVATE KEY-----."),
    "key_encrypted": lazy(
        "This key is protected by a passphrase. Remove it first: openssl pkey -in key.pem -out plain.pem"
    ),
    "other_key": lazy("The key doesn't belong to the certificate. Paste your own certificate first, then its chain."),
    "not_yet_valid": lazy("This certificate isn't valid yet."),
    "expired": lazy("This certificate has expired."),
}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
# WTForms' forms have no attributes of their own, so validators take any.
Validator = Callable[[Any, Field], None]


def certificates_of_authorities(form: Any, field: Field) -> None:
    """Check that certificates may issue others: any other one is accepted only by being pinned."""
    if field.data and not field.errors and not all(map(certificates.is_authority, certificates.parse(field.data))):
        raise ValidationError(_("This isn't the certificate of an authority. To trust only this one, pin it."))


def valid_client_certificate(form: Any, field: Field) -> None:
    """Check for a certificate that is valid now, with its key."""
    if field.data and (problem := CLIENT_PROBLEMS.get(certificates.client_problem(field.data, clock.now()))):
        raise ValidationError(str(problem))


def required(form: Any, field: Field) -> None:
    """Check that something is entered."""
    if field.data is None or not str(field.data).strip():
        raise ValidationError(_("Enter a value."))


def valid_choice(form: Any, field: Any) -> None:
    """Check that one of the choices is chosen."""
    if field.data not in [choice.value for choice in field.iter_choices()]:
        raise ValidationError(_("Choose one of the options."))


def valid_limit(form: Any, field: Field) -> None:
    """Check for a number that is not more than what the provider allows."""
    most = getattr(form.chosen.limits, field.name.removeprefix("limit_"))
    if field.data is None:
        return
    if field.data < 1:
        raise ValidationError(_("Enter a number of 1 or more, or leave the field blank."))
    if most is not None and field.data > most:
        number = format_decimal(most)
        raise ValidationError(_("%(provider)s allows only %(number)s.", provider=form.chosen.label, number=number))


def if_used(check: Validator | None = None) -> Validator:
    """Return a validator for fields that only some authentication uses: it checks a value, and requires one if needed.

    Secrets may stay blank, as one may be saved already.
    """

    def validate(form: Any, field: Field) -> None:
        method = form.method
        if method is None or field.name not in method.fields:
            return
        if field.data and check is not None:
            check(form, field)
        elif not field.data and field.name not in method.optional_fields and not isinstance(field, SecretTextField):
            raise ValidationError(_("Enter a value."))

    return validate


def host_name(value: str | None) -> str:
    """Filter: return a host as people type or paste it, without brackets and the final dot."""
    text = (value or "").rstrip(".")
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def host_problem(host: str) -> str | None:
    """Return what keeps a text from being a host name or an IP address, in words."""
    if "://" in host or "/" in host:
        return _("Enter only the host name, without https:// or a path.")
    if "@" in host:
        return _("This is an email address. Enter the server's host name, such as smtp.example.com.")
    if hidden := hidden_character(host, spaces=False):
        return _("A host name can't contain %(character)s.", character=hidden)
    if parse_ip_address(host):
        return None
    if re.fullmatch(r"[0-9.]+", host):
        return _("This is not a valid IP address.")
    if host.count(":") == 1:
        return _("Enter only the host name. The port has its own field.")
    try:
        name = ascii_domain(host)
    except idna.IDNAError:
        name = ""
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return _("This is not a valid host name. Enter one such as smtp.example.com.")
    return None


def valid_server_host(form: Any, field: Field) -> None:
    """Check the host, with the provider's own fields filled in."""
    host = form.chosen.host(field.data, form.provider_fields())
    if host and (problem := host_problem(host)):
        raise ValidationError(problem)


def permitted_port(form: Any, field: Field) -> None:
    """Check for one of the usual ports of mail servers, where Mailroom connects to no others."""
    if not allows_private_hosts() and field.data not in MAIL_PORTS:
        ports = format_list(map(str, MAIL_PORTS))
        raise ValidationError(_("This installation connects to mail servers only on ports %(ports)s.", ports=ports))


def valid_proxy_host(form: Any, field: Field) -> None:
    """Check the host of the proxy, if there is one."""
    if form.proxy_type.data == "none":
        return
    if not field.data:
        raise ValidationError(_("Enter the proxy's host name."))
    if problem := host_problem(field.data):
        raise ValidationError(problem)


def valid_proxy_port(form: Any, field: Field) -> None:
    """Check the port of the proxy, if there is one."""
    if form.proxy_type.data != "none" and not field.errors and not 1 <= (field.data or 0) <= 65535:
        raise ValidationError(_("Enter a port from 1 to 65535."))


def ascii_with_socks5(form: Any, field: Field) -> None:
    """Check for ASCII: python-socks sends nothing else, and RFC 1929 defines no other encoding."""
    if form.proxy_type.data == "socks5" and not field.data.isascii():
        raise ValidationError(_("SOCKS5 accepts only ASCII characters: unaccented letters, digits and common symbols."))


def valid_sender(form: Any, field: Field) -> None:
    """Check for one email address, with or without a name before it, and quote the name where it must be."""
    text = field.data = with_ascii_at(field.data)
    if len(text) > MAX_SENDER_LENGTH:
        # The check of the length reports it.
        return
    named = _NAMED.fullmatch(text)
    try:
        found = _address(trimmed(named["address"]) if named else text)
    except EmailNotValidError as error:
        if re.search(r"@.*[,;].*@", text):
            raise ValidationError(_("Enter one address, not a list.")) from error
        raise ValidationError(_("Enter an address such as mail@example.com or Example <mail@example.com>.")) from error
    if named:
        name = re.sub(r"\\(.)", r"\1", named["quoted"]) if named["quoted"] is not None else named["plain"].strip()
        if "\r" in name or "\n" in name:
            # The check of all texts reports it.
            return
        field.data = str(Address(name, found.local_part, found.domain))


def valid_recipient(form: Any, field: Field) -> None:
    """Require one email address without a name, and normalise it."""
    try:
        field.data = validate(field.data)
    except InvalidEmailAddress as error:
        raise ValidationError(str(error)) from error


def may_get_email(_form: Any, field: Field) -> None:
    """Refuse addresses that may not get email."""
    if not general_settings().may_send_to(field.data):
        raise ValidationError(_("Email to this address is not allowed: see “Who gets email” under Settings → General."))


def _address(text: str) -> ValidatedEmail:
    """Return the parts of an address without a name. Raises EmailNotValidError."""
    if ENCODED_WORD in text:
        raise EmailNotValidError
    return validate_email(text, check_deliverability=False, globally_deliverable=False)
