"""An SPF record as RFC 7208 defines it: its terms, its macros, and how a sender is added to it."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from webapp.core.hosts import IpAddress

VERSION = "v=spf1"
MECHANISMS = ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists")
# Each of these asks the DNS, and counts (4.6.4).
ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
_MECHANISM = re.compile(r"(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9]*)(?P<rest>[:/].*)?", re.IGNORECASE)
_MODIFIER = re.compile(r"(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>.*)", re.IGNORECASE)
_PREFIXES = re.compile(r"(?P<domain>.*?)(?:/(?P<v4>\d{1,3}))?(?://(?P<v6>\d{1,3}))?")
_NETWORK = re.compile(r":[0-9a-f.:]+(?:/\d{1,3})?", re.IGNORECASE)
_MACRO = re.compile(
    r"%(?:\{(?P<letter>[slodiphvcrt])(?P<keep>\d{0,3})(?P<reverse>r?)(?P<split>[-.+,/_=]*)\}|[%_-])", re.I
)
_LITERALS = {"%%": "%", "%_": " ", "%-": "%20"}
MAX_NAME_LENGTH = 253


class InvalidTerm(ValueError):
    """An invalid term, which makes the whole record unusable. The message is the term."""


@dataclass(frozen=True)
class Term:
    """One mechanism or modifier. `value` is its domain, with macros, or its network; `prefixes` for IPv4 and IPv6."""

    text: str
    name: str
    qualifier: str = "+"
    value: str = ""
    prefixes: tuple[int, int] = (32, 128)

    @property
    def asks(self) -> bool:
        """Whether it asks the DNS."""
        return self.name in ASKING

    @property
    def has_macros(self) -> bool:
        """Whether its domain depends on the email."""
        return "%" in self.value

    def contains(self, address: IpAddress, base: IpAddress | None = None) -> bool:
        """Return whether an address is in its network; for `a` and `mx`, in the network around `base`."""
        around = f"{base}/{self.prefixes[0 if address.version == 4 else 1]}" if base else self.value
        return address in ipaddress.ip_network(around, strict=False)


def is_spf(text: str) -> bool:
    """Return whether a TXT record is for SPF (4.5)."""
    return text.lower() == VERSION or text.lower().startswith(VERSION + " ")


def parse(record: str) -> list[Term]:
    """Return the terms of a record. Raises InvalidTerm."""
    terms = [_term(text) for text in record.split(" ")[1:] if text]
    for name in ("redirect", "exp"):
        found = [term for term in terms if term.name == name]
        if len(found) > 1:
            raise InvalidTerm(found[1].text)
    return terms


def expand(text: str, address: IpAddress, domain: str, sender: str) -> str:
    """Return a domain with its macros replaced (7): for an email of `sender` that comes from `address`."""
    local, _at, sender_domain = sender.rpartition("@")
    dotted = str(address) if address.version == 4 else ".".join(f"{int(address):032x}")
    values = {
        "s": sender, "l": local, "o": sender_domain, "d": domain, "i": dotted, "p": "unknown",
        "v": "in-addr" if address.version == 4 else "ip6", "h": sender_domain, "c": str(address), "r": "unknown",
        "t": "0",
    }  # fmt: skip
    name = _MACRO.sub(lambda found: _macro(found, values), text)
    while len(name) > MAX_NAME_LENGTH and "." in name:
        name = name.partition(".")[2]
    return name


def with_term(records: Sequence[str], term: str, without: str = "") -> str:
    """Return the one record that says what these records say, and has this term as well.

    Of several `all`, the most lenient stays. Left out are the term `without`, terms that can't be read, the term itself
    with another qualifier, and a `+all`, which would let anybody send.
    """
    texts = [text for record in records for text in record.split(" ")[1:]]
    left_out = {without, *(f"{qualifier}{term}" for qualifier in "?~-")}
    kept = dict.fromkeys(text for text in texts if text and text not in left_out and _is_term(text))
    names = {text: _term(text).name for text in kept}
    ends = [text for text in kept if names[text] == "all" and _term(text).qualifier != "+"]
    redirects = [text for text in kept if names[text] == "redirect"]
    others = [text for text in kept if names[text] not in ("all", "redirect")]
    ends.sort(key=lambda text: "?~-".index(_term(text).qualifier))
    last = ends[:1] or (redirects[:1] if len(records) == 1 else []) or ["~all"]
    return " ".join([VERSION, *dict.fromkeys([*others, *([term] if term else [])]), *last])


def _is_term(text: str) -> bool:
    try:
        _term(text)
    except InvalidTerm:
        return False
    return True


def _term(text: str) -> Term:
    modifier = _MODIFIER.fullmatch(text)
    if not text.isascii() or not text.isprintable():
        raise InvalidTerm(text)
    if modifier:
        name = modifier["name"].lower()
        if name in ("redirect", "exp"):
            _check_domain(text, modifier["value"])
        return Term(text, name, value=modifier["value"])
    found = _MECHANISM.fullmatch(text)
    name = found["name"].lower() if found else ""
    if not found or name not in MECHANISMS:
        raise InvalidTerm(text)
    value, prefixes = CHECKS[name](text, found["rest"] or "")
    return Term(text, name, found["qualifier"] or "+", value, prefixes)


Parsed = tuple[str, tuple[int, int]]
BOTH = (32, 128)


def _nothing(text: str, rest: str) -> Parsed:
    if rest:
        raise InvalidTerm(text)
    return "", BOTH


def _domain(text: str, rest: str) -> Parsed:
    _check_domain(text, rest[1:] if rest.startswith(":") else "")
    return rest[1:], BOTH


def _optional_domain(text: str, rest: str) -> Parsed:
    return _domain(text, rest) if rest else ("", BOTH)


def _hosts(text: str, rest: str) -> Parsed:
    """Parse what follows `a` and `mx`: perhaps a domain, perhaps prefixes."""
    found = _PREFIXES.fullmatch(rest)
    if found is None:
        raise InvalidTerm(text)
    v4, v6 = int(found["v4"] or 32), int(found["v6"] or 128)
    if found["domain"]:
        _domain(text, found["domain"])
    if v4 > 32 or v6 > 128:
        raise InvalidTerm(text)
    return found["domain"][1:], (v4, v6)


def _network(version: int) -> Callable[[str, str], Parsed]:
    def parse_network(text: str, rest: str) -> Parsed:
        try:
            network = ipaddress.ip_network(rest[1:], strict=False)
        except ValueError as error:
            raise InvalidTerm(text) from error
        # Not with a network mask or the name of an interface, which Python would take.
        if network.version != version or not _NETWORK.fullmatch(rest):
            raise InvalidTerm(text)
        return rest[1:], BOTH

    return parse_network


CHECKS: dict[str, Callable[[str, str], Parsed]] = {
    "all": _nothing,
    "include": _domain,
    "exists": _domain,
    "ptr": _optional_domain,
    "a": _hosts,
    "mx": _hosts,
    "ip4": _network(4),
    "ip6": _network(6),
}


def _check_domain(text: str, domain: str) -> None:
    if not domain or "%" in _MACRO.sub("", domain) or "/" in _MACRO.sub("", domain):
        raise InvalidTerm(text)


def _macro(found: re.Match[str], values: dict[str, str]) -> str:
    if not found["letter"]:
        return _LITERALS[found[0]]
    value = values[found["letter"].lower()]
    parts = re.split(f"[{re.escape(found['split'] or '.')}]", value)
    if found["reverse"]:
        parts.reverse()
    keep = int(found["keep"] or 0)
    text = ".".join(parts[-keep:] if keep else parts)
    return quote(text, safe="") if found["letter"].isupper() else text
