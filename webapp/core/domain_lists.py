"""Lists of domains of email addresses, written as text: `example.com, *.example.org`."""

import re

import idna

from webapp.core.text import trimmed

# Stands for all subdomains of the domain that follows, however deep, and not for the domain itself.
SUBDOMAINS = "*."
_SEPARATORS = re.compile(r"[\s,;]+")
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")


class NotADomain(ValueError):
    """Something in a list is not a domain; the message is the text."""


def parse(text: str) -> list[str]:
    """Return the domains in a list, each once, in lower case and as A-labels. Raises NotADomain."""
    return list(dict.fromkeys(_normalised(part) for part in _SEPARATORS.split(trimmed(text)) if part))


def write(domains: list[str]) -> str:
    """Return domains as such a text."""
    return ", ".join(domains)


def contain(domains: list[str], domain: str) -> bool:
    """Return whether a domain in lower case and as A-labels is one of these, or a subdomain where they say so."""
    return any(domain == one or (one.startswith(SUBDOMAINS) and domain.endswith(one[1:])) for one in domains)


def _normalised(text: str) -> str:
    prefix = SUBDOMAINS if text.startswith(SUBDOMAINS) else ""
    domain = text.removeprefix(prefix).removeprefix("@").rstrip(".").lower()
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            raise NotADomain(text) from None
    if not _DOMAIN.fullmatch(domain):
        raise NotADomain(text)
    return prefix + domain
