"""Make people of records: the same rules as on the page for one new user, and what is wrong in words."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from flask_babel import gettext as _

from webapp.accounts import names
from webapp.accounts.imports import columns
from webapp.accounts.imports.columns import Columns
from webapp.accounts.imports.records import Record
from webapp.accounts.models import Role
from webapp.core.email_addresses import InvalidEmailAddress, comparison_key, validate
from webapp.core.text import trimmed
from webapp.web.forms import text_error

# What was wrong with a value is found out again when it is shown, so a long one must stay too long.
MAX_KEPT = 300
MAX_SHOWN = 60
# Stands for bytes that can't be decoded.
UNREADABLE = "\ufffd"


class Person(NamedTuple):
    """Somebody to create."""

    line: int
    email: str
    email_key: str
    name: str
    role: Role
    language: str | None


@dataclass(frozen=True)
class BadLine:
    """A record that makes no person: what is wrong, as `_explain` knows it, and the value."""

    line: int
    problem: str
    value: str

    def to_data(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"problem": self.problem, "value": self.value[:MAX_KEPT]}


def read(record: Record, found: Columns, role: Role) -> Person | BadLine:
    """Make a person of a record; `role` is that of people without one of their own."""
    if record.problem:
        return BadLine(record.line, record.problem, record.cells[0])
    values = {field: trimmed(record.cells[index]) for field, index in found.items() if index < len(record.cells)}
    for field, value in values.items():
        if UNREADABLE in value:
            return BadLine(record.line, "encoding", f"{columns.FIELDS[field]}: {value}")
    email = values.get("email", "")
    try:
        address = validate(email)
    except InvalidEmailAddress:
        return BadLine(record.line, "email", email)
    name = _name(values) or names.from_address(address)
    if not _is_name(name):
        return BadLine(record.line, "name", name)
    own_role = columns.role_of(values["role"]) if values.get("role") else role
    if own_role is None:
        return BadLine(record.line, "role", values["role"])
    language = columns.language_of(values["language"]) if values.get("language") else None
    if language is None and values.get("language"):
        return BadLine(record.line, "language", values["language"])
    return Person(record.line, address, comparison_key(address), name, own_role, language)


def describe(data: dict[str, Any]) -> str:
    """Put what is wrong into words, with the value, in the language of the page."""
    problem, value = data.get("problem", ""), data.get("value", "")
    return f"{_explain(problem, value)} {_quoted(value)}".strip()


def _explain(problem: str, value: str) -> str:
    if problem == "email":
        return _email_error(value)
    if problem == "name":
        return text_error(value, most=names.MAX_NAME_LENGTH) or names.problem(value)
    texts = {
        "quotes": _("A quotation mark is not closed, or text follows it."),
        "too_long": _("The line is too long."),
        "encoding": _("It contains characters that can't be read with this encoding."),
        "role": _("Unknown role: use “member” or “administrator”."),
        "language": _("Unknown language: use a code such as “en”, or leave it out."),
    }
    return texts.get(problem, problem)


def _email_error(value: str) -> str:
    if not value:
        return _("The email address is missing.")
    try:
        validate(value)
    except InvalidEmailAddress as error:
        return str(error)
    return ""


def _quoted(value: str) -> str:
    """Return the beginning of a value, with what can't be seen written out."""
    shown = value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}…"
    visible = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in shown)
    return f"“{visible}”" if visible else ""


def _name(values: dict[str, str]) -> str:
    both = f"{values.get('first_name', '')} {values.get('last_name', '')}".strip()
    return values.get("name", "") or both


def _is_name(name: str) -> bool:
    return not (text_error(name, most=names.MAX_NAME_LENGTH) or names.problem(name))
