"""What administrators enter about an application: checked, and brought into the form in which it is stored."""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from webapp.core.config import Network
from webapp.core.email_addresses import InvalidEmailAddress, comparison_key, validate
from webapp.core.errors import MailroomError
from webapp.core.i18n import lazy_gettext as _
from webapp.core.return_urls import InvalidReturnUrl, parse_prefix
from webapp.core.text import hidden_character, trimmed

MAX_NAME_LENGTH = 100
# Of a list of senders, networks or URLs: the items, and the characters, as in a field of the page.
MAX_ITEMS, MAX_LENGTH = 100, 2000
MAX_MESSAGES_PER_HOUR = 1_000_000
# What an application may do: the names in commands and in the settings file, and the fields of Values.
PERMISSIONS = {"send": "may_send", "users": "may_manage_users"}
IDENTIFIER_PREFIX = "app_"
IDENTIFIER = re.compile(IDENTIFIER_PREFIX + r"[0-9a-z_]{1,36}")
# Larger networks hold more than one organization. 10.0.0.0/8 and fc00::/7 are the largest private ones.
MIN_TRUSTED_PREFIX = {4: 8, 6: 7}


class InvalidValues(MailroomError):
    """Something can't be saved; `errors` has a sentence for each field, by its name in Values."""

    def __init__(self, errors: Mapping[str, Any]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = errors


class _Invalid(MailroomError):
    """One value is invalid; the message says why."""


@dataclass(frozen=True)
class Values:
    """What an application is and may do; see `models.Application`."""

    name: str
    may_send: bool = False
    may_manage_users: bool = False
    allowed_senders: Sequence[str] = ()
    messages_per_hour: int | None = None
    networks: Sequence[str] = ()
    trusts_networks: bool = False
    return_urls: Sequence[str] = ()

    def as_columns(self) -> dict[str, Any]:
        """Return them by the names of their columns, sequences as lists."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: list(value) if isinstance(value, tuple | list) else value for name, value in values.items()}


def check(values: Values) -> Values:
    """Return the values as they are stored. Raises InvalidValues, with all errors at once."""
    checks: dict[str, Callable[[], Any]] = {
        "name": lambda: _name(values.name),
        "allowed_senders": lambda: _each(values.allowed_senders, sender),
        "messages_per_hour": lambda: _messages_per_hour(values.messages_per_hour),
        "networks": lambda: _each(values.networks, network),
        "return_urls": lambda: _each(values.return_urls, _return_url),
    }
    errors: dict[str, Any] = {}
    checked = values.as_columns()
    for field, run in checks.items():
        try:
            checked[field] = run()
        except _Invalid as error:
            errors[field] = error.args[0]
    if values.trusts_networks and "networks" not in errors and (problem := _untrustworthy(checked["networks"])):
        errors["networks"] = problem
    if errors:
        raise InvalidValues(errors)
    return Values(**checked)


def name_key(name: str) -> str:
    """Return the form in which names are compared: two that look the same are the same."""
    return unicodedata.normalize("NFKC", name).casefold()


def sender(text: str) -> str:
    """Return an address or a domain that may be sent from."""
    address = text if "@" in text.strip("@") else f"postmaster@{text.removeprefix('@')}"
    if "*" in text:
        raise _Invalid(_("“%(text)s”: enter each domain separately. Subdomains aren't included.", text=text))
    try:
        valid = validate(address)
    except InvalidEmailAddress as error:
        message = _("“%(text)s” is neither an email address nor a domain.", text=text)
        raise _Invalid(message) from error
    return valid if address == text else valid.rpartition("@")[2]


def network(text: str) -> str:
    """Return a network in CIDR notation; a single address is a network, too."""
    try:
        parsed = ipaddress.ip_network(text, strict=False)
        given = ipaddress.ip_address(text.partition("/")[0])
    except ValueError as error:
        message = _("“%(text)s” is no network. Enter one such as 10.0.0.0/8, or an address.", text=text)
        raise _Invalid(message) from error
    if given != parsed.network_address:
        raise _Invalid(
            _("“%(text)s” is an address in the network %(network)s. Enter either.", text=text, network=parsed)
        )
    return str(_as_ipv4(parsed))


def _as_ipv4(parsed: Network) -> Network:
    """Return the IPv4 network that an IPv6 one stands for (RFC 4291, 2.5.5.2), else the network."""
    mapped = parsed.network_address.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Network) else None
    return ipaddress.IPv4Network((mapped, parsed.prefixlen - 96)) if mapped and parsed.prefixlen >= 96 else parsed


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", trimmed(text))
    if not name:
        raise _Invalid(_("Enter a name."))
    if len(name) > MAX_NAME_LENGTH:
        raise _Invalid(_("Too long: use at most %(most)s characters.", most=MAX_NAME_LENGTH))
    if hidden := hidden_character(name):
        raise _Invalid(
            _(
                "This contains an invisible character (%(character)s). Remove it, or type the text by hand.",
                character=hidden,
            )
        )
    if name_key(name).startswith(IDENTIFIER_PREFIX):
        raise _Invalid(_("A name can't start with “app_”, as identifiers do."))
    return name


def _messages_per_hour(number: int | None) -> int | None:
    if number is not None and not 1 <= number <= MAX_MESSAGES_PER_HOUR:
        raise _Invalid(_("Enter a whole number from %(least)s to %(most)s.", least=1, most=MAX_MESSAGES_PER_HOUR))
    return number


def _return_url(text: str) -> str:
    try:
        return parse_prefix(text)
    except InvalidReturnUrl as error:
        raise _Invalid(error.args[0]) from error


def _each(texts: Iterable[str], check_one: Callable[[str], str]) -> list[str]:
    """Check each text, and leave out what is the same."""
    checked = [check_one(text) for one in texts if (text := trimmed(one))]
    found = list({comparison_key(one): one for one in checked}.values())
    if len(found) > MAX_ITEMS:
        raise _Invalid(_("Enter at most %(most)s lines.", most=MAX_ITEMS))
    if len("\n".join(found)) > MAX_LENGTH:
        raise _Invalid(_("Too long: use at most %(most)s characters.", most=MAX_LENGTH))
    return found


def _untrustworthy(networks: Sequence[str]) -> Any:
    """Return why clients can't be trusted by these networks; nothing if they can."""
    if not networks:
        return _("Enter the networks that are trusted.")
    for parsed in map(ipaddress.ip_network, networks):
        if parsed.prefixlen < MIN_TRUSTED_PREFIX[parsed.version]:
            return _("%(network)s is too large to be trusted: anybody could send.", network=parsed)
    return None
