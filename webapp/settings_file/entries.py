"""Fill the keys of a table into a form of the pages, whose rules then hold for the file as well."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, DateField, Field, IntegerField, PasswordField, SelectField

from webapp.mail.server_page.fields import SecretTextField
from webapp.settings_file.document import Table
from webapp.settings_file.files import ADVICE, CannotRead, read_secret
from webapp.web.forms import Form, fields_with_errors

SECRET_FIELDS = (PasswordField, SecretTextField)
# What TOML calls its types; `bool` before `int`, and `datetime` before `date`, as each is one of the latter, too.
TYPES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    str: "a text in quotes",
    datetime: "a time",
    date: "a date such as 2027-01-31",
    float: "a number with a decimal point",
    list: "a list in brackets",
    dict: "a table",
}


def to_post(table: Table, fields: Mapping[str, Field]) -> MultiDict[str, str]:
    """Return what a browser would send for the keys of a table, whose fields these are.

    Unknown keys, values of the wrong type, and secrets that can't be read are reported.
    """
    table.report_unknown(sorted(fields))
    posted: MultiDict[str, str] = MultiDict()
    for key, value in table.values.items():
        if key in fields and (text := _text(table, key, value, fields[key])) is not None:
            posted[fields[key].name] = text
    return posted


def report_errors(table: Table, form: Form, key_of: Callable[[str], str] = str) -> None:
    """Report the errors of a form: at the keys of its fields, those of the whole form at the table."""
    for error in form.form_errors:
        table.report("", str(error))
    for field in fields_with_errors(form):
        key = key_of(field.name)
        missing = "" if key in table.values else " It isn't in the file."
        table.report(key, f"{field.errors[0]}{_allowed(field)}{missing}")


def value_of(table: Table, key: str, kind: type) -> Any:
    """Return the value of a key if it has this type; else report it and return None."""
    value = table.values[key]
    if _type_of(value) is kind:
        return value
    table.report(key, f"Write {TYPES[kind]}, not {TYPES.get(_type_of(value), 'this')}.")
    return None


def list_of_texts(table: Table, key: str) -> list[str] | None:
    """Return the texts of a list; None, and a report, if it is something else."""
    value = table.values[key]
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    table.report(key, 'Write a list of texts in quotes, such as ["one", "another"].')
    return None


def secret_of(table: Table, key: str) -> str | None:
    """Return the secret that a key names; None, and a report, if it can't be read."""
    document = table.document
    try:
        return read_secret(table.values[key], document.path.parent, document.environ)
    except CannotRead as error:
        table.report(key, str(error))
        return None


def _text(table: Table, key: str, value: Any, field: Field) -> str | None:
    if isinstance(field, SECRET_FIELDS):
        return secret_of(table, key)
    kind = next((kind for cls, kind in _KINDS if isinstance(field, cls)), str)
    value = value_of(table, key, kind)
    if isinstance(value, bool):
        return "y" if value else "false"
    return None if value is None else str(value)


_KINDS: Sequence[tuple[type[Field], type]] = ((BooleanField, bool), (IntegerField, int), (DateField, date))


def _type_of(value: Any) -> type:
    return next((kind for kind in TYPES if isinstance(value, kind)), object)


def _allowed(field: Field) -> str:
    if isinstance(field, SelectField):
        return f" Allowed are: {', '.join(str(choice.value) for choice in field.iter_choices())}."
    return f" {ADVICE}" if isinstance(field, SECRET_FIELDS) and not field.data else ""
