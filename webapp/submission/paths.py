"""The arguments of MAIL and RCPT (RFC 5321, 4.1.1)."""

import re
from typing import NamedTuple

from webapp.core.email_addresses import InvalidEmailAddress, validate
from webapp.submission.replies import Refusal

# Some clients write a space after the colon, or no angle brackets.
_ARGUMENT = re.compile(
    r"(?P<keyword>FROM|TO):\s*(?:<(?P<path>[^<>]*)>|(?P<bare>[^<>\s]+))(?P<parameters>(?:\s.*)?)", re.IGNORECASE
)
_PARAMETER = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[^\s=]+))?")


class Path(NamedTuple):
    """An address (empty for the null sender `<>`), and the parameters after it with their names in capitals."""

    address: str
    parameters: dict[str, str]


def parse(keyword: str, argument: str | None) -> Path:
    """Parse the argument of MAIL (`FROM`) or RCPT (`TO`). Raises Refusal."""
    found = _ARGUMENT.fullmatch((argument or "").strip())
    if found is None or found["keyword"].upper() != keyword:
        raise Refusal("syntax", f"501 5.5.4 Write {_COMMANDS[keyword]} {keyword}:<address>")
    parameters = {}
    for word in found["parameters"].split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None:
            raise Refusal("syntax", "501 5.5.4 A parameter is not written as NAME=VALUE")
        parameters[parameter["name"].upper()] = parameter["value"] or ""
    return Path(found["path"] if found["path"] is not None else found["bare"], parameters)


def valid(address: str, enhanced: str) -> str:
    """Return the address as it is stored. Raises Refusal with this enhanced code."""
    try:
        return validate(address)
    except InvalidEmailAddress as error:
        raise Refusal("address", f"553 {enhanced} This is not an email address such as ada@example.com") from error


def none_left(parameters: dict[str, str]) -> None:
    """Accept no other parameters. Raises Refusal."""
    if parameters:
        # Of its characters only those that a name may have: they are known to be harmless.
        raise Refusal("syntax", f"555 5.5.4 The parameter {min(parameters)} is not supported")


_COMMANDS = {"FROM": "MAIL", "TO": "RCPT"}
