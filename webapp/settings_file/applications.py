"""The tables `[[applications]]`: each is found by its name, and created if there is none of this name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from webapp.applications import service
from webapp.applications.models import Application
from webapp.applications.values import PERMISSIONS, InvalidValues, Values, name_key
from webapp.core.errors import NotFound
from webapp.core.text import trimmed
from webapp.settings.declared import APPLICATIONS, Declared
from webapp.settings_file.document import Document, Table
from webapp.settings_file.entries import list_of_texts, secret_of, value_of

IDENTIFIER, SECRET = "identifier", "secret"
# The keys with a list of texts, and the fields of `Values`; all others have the same name.
LISTS = {"senders": "allowed_senders", "networks": "networks", "return_urls": "return_urls"}
OTHERS = {"name": str, "messages_per_hour": int, "trusts_networks": bool}
KEYS = ("name", IDENTIFIER, "may", *LISTS, "messages_per_hour", "trusts_networks", SECRET)


def apply(session: Session, document: Document) -> list[Declared]:
    """Save the applications that differ, and return the fields that the file sets."""
    locked: list[Declared] = []
    names: set[str] = set()
    for table in document.tables(APPLICATIONS):
        name = unique_name(table, names)
        if name is not None:
            locked += _apply(session, table, name)
    return locked


def unique_name(table: Table, names: set[str]) -> str | None:
    """Return the name of a table, and add it to `names`; None, and a report, if there is none or it is taken."""
    if "name" not in table.values:
        table.report("name", "Give it a name, by which it is found again.")
        return None
    written = value_of(table, "name", str)
    if written is None:
        return None
    name = trimmed(written)
    if name_key(name) in names:
        table.report("name", "The file has this name twice.")
        return None
    names.add(name_key(name))
    return name


def _apply(session: Session, table: Table, name: str) -> list[Declared]:
    table.report_unknown(KEYS)
    given, identifier = _given(table), value_of(table, IDENTIFIER, str) if IDENTIFIER in table.values else ""
    secret = secret_of(table, SECRET) if SECRET in table.values else ""
    if given is None or identifier is None or secret is None:
        return []
    try:
        application = _save(session, name, given, identifier, secret)
    except InvalidValues as error:
        keys = {field: key for key, field in LISTS.items()}
        for field, text in error.errors.items():
            table.report(keys.get(field, field), str(text))
        return []
    return [Declared(APPLICATIONS, field, application.name) for field in [*given, *([SECRET] if secret else [])]]


def _save(session: Session, name: str, given: Mapping[str, Any], identifier: str, secret: str) -> Application:
    try:
        saved = service.find(session, name)
    except NotFound:
        return service.create(session, Values(**given), secret, identifier).application
    if identifier not in ("", saved.identifier):
        text = f"The application has the identifier {saved.identifier} already, which can't be changed."
        raise InvalidValues({IDENTIFIER: text})
    if secret:
        service.use_secret(session, saved.id, secret)
    return service.update(session, saved.id, replace(service.values_of(saved), **given))


def _given(table: Table) -> dict[str, Any] | None:
    """Return what the table sets, by the fields of `Values`; None, and reports, if a value has the wrong type."""
    given: dict[str, Any] = {}
    for key in KEYS:
        if key in table.values and key in OTHERS:
            given[key] = value_of(table, key, OTHERS[key])
        elif key in table.values and key in LISTS:
            given[LISTS[key]] = list_of_texts(table, key)
    if "may" in table.values:
        given |= _permissions(table)
    return None if None in given.values() else given


def _permissions(table: Table) -> dict[str, bool | None]:
    may = list_of_texts(table, "may")
    if may is not None and (unknown := sorted(set(may) - PERMISSIONS.keys())):
        table.report("may", f"There is no “{unknown[0]}”. Allowed are: {', '.join(PERMISSIONS)}.")
        may = None
    return {field: None if may is None else name in may for name, field in PERMISSIONS.items()}
