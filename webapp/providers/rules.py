"""Which values the contract with plugins allows, beyond their types. `validation` checks them when Mailroom starts."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from webapp.core.hosts import parse_ip_address

MAX_LABEL_LENGTH = 60
# The fields of the mail server form that notes, authentication methods and fixes can name.
FORM_FIELDS = (
    "mail_from", "host", "port", "security", "tls_minimum", "timeout", "address_family", "mechanism",
    "proxy_type", "proxy_host", "proxy_port", "proxy_username", "proxy_password", "authentication", "username",
    "password", "client_id", "client_secret",
    "tenant_id", "authorize_url", "token_url", "device_authorization_url", "scopes", "service_account_key",
    "secret_expires_on", "limit_per_minute", "limit_per_day", "limit_connections",
    "trusted_certificates", "pinned_certificate", "client_certificate",
)  # fmt: skip
FORM_SECRETS = frozenset({"password", "proxy_password", "client_secret", "service_account_key", "client_certificate"})
# The headers that Mailroom writes itself, or that only servers on the way may add.
OWN_HEADERS = frozenset({
    "auto-submitted", "bcc", "cc", "date", "dkim-signature", "from", "in-reply-to", "message-id", "mime-version",
    "received", "references", "reply-to", "return-path", "sender", "subject", "to", "x-auto-response-suppress",
})  # fmt: skip
OWN_HEADER_PREFIXES = ("content-", "resent-", "arc-")
# The parameters of an authorization request that Mailroom sets itself.
OWN_PARAMETERS = frozenset({
    "client_id", "code_challenge", "code_challenge_method", "login_hint", "nonce", "redirect_uri", "response_type",
    "scope", "state",
})  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What a value must be, besides being of its type: in words for the plugin's author, and as a test."""

    allowed: str
    holds: Callable[[Any], bool]


def _is_header_name(name: str) -> bool:
    # RFC 5322, 3.6.8, except for what nobody uses.
    lower = name.lower()
    wanted = lower not in OWN_HEADERS and not lower.startswith(OWN_HEADER_PREFIXES)
    return wanted and bool(re.fullmatch(r"[a-z0-9]([a-z0-9_-]{0,58}[a-z0-9])?", lower, re.ASCII))


def _is_header_value(value: str) -> bool:
    # Longer words don't fit on a line, so they would be encoded.
    return bool(re.fullmatch(r"[\x20-\x7e]{1,900}", value)) and max(map(len, value.split()), default=99) <= 70


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(pattern, value) is not None


def _is_host(text: str) -> bool:
    return re.fullmatch(r"([\w.-]|\{[^{}]*\})*", text) is not None or parse_ip_address(text) is not None


def _is_pattern(value: str) -> bool:
    try:
        re.compile(value)
    except re.error:
        return False
    return True


Pattern = Annotated[str, Rule("a regular expression", _is_pattern)]
Url = Annotated[str, Rule("a URL that starts with https://", _matches(r"(https://[^\s/?#][!-~]*)?"))]
EndpointUrl = Annotated[
    str,
    Rule(
        "a URL that starts with https://, perhaps with {tenant}",
        _matches(r"(https://([^\s/?#{}]|\{tenant\})([!-z|~]|\{tenant\})*)?"),
    ),
]
# That of the documentation. The provider for any server names standards instead.
Source = Annotated[
    str,
    Rule("the https:// URL of the service's documentation", _matches(r"https://[^\s/?#][!-~]*|(?=.*\w)[^:]+")),
]
Port = Annotated[int, Rule("a whole number from 1 to 65535", lambda port: 1 <= port <= 65535)]
Host = Annotated[str, Rule("a host name without scheme or port, perhaps with a {field}", _is_host)]
DomainName = Annotated[
    str, Rule("a domain name in lower case, or the end of one", _matches(r"([a-z0-9_-]+(\.[a-z0-9_-]+)*)?"))
]
Limit = Annotated[int, Rule("a whole number of 1 or more", lambda number: number >= 1)]
Timeout = Annotated[int, Rule("a number of seconds from 1 to 120", lambda seconds: 1 <= seconds <= 120)]
ParameterName = Annotated[
    str, Rule("a parameter that Mailroom doesn't set itself", lambda name: bool(name) and name not in OWN_PARAMETERS)
]
ProviderKey = Annotated[str, Rule("a lower-case name of a-z, 0-9, _ and -", _matches(r"[a-z][a-z0-9_-]{0,63}"))]
MethodKey = Annotated[str, Rule("a lower-case name of a-z, 0-9, _ and -", _matches(r"[a-z][a-z0-9_-]{0,29}"))]
HeaderName = Annotated[str, Rule("the name of a header that Mailroom doesn't write itself", _is_header_name)]
HeaderValue = Annotated[str, Rule("one line of ASCII in words of at most 70 characters", _is_header_value)]
