"""The tables `[[webhooks]]`: each is found by its name, and created if there is none of this name."""

from typing import Any

from sqlalchemy.orm import Session

from webapp.applications import service as applications
from webapp.applications.names import names as application_names
from webapp.core.errors import NotFound
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.settings.declared import WEBHOOKS, Declared
from webapp.settings_file.applications import SECRET, unique_name
from webapp.settings_file.document import Document, Table
from webapp.settings_file.entries import list_of_texts, report_errors, secret_of, value_of
from webapp.webhooks import service
from webapp.webhooks.forms import WebhookForm, to_post
from webapp.webhooks.models import Webhook
from webapp.webhooks.service import FIELDS, InvalidSecret

# The keys, and the names by which they are locked.
KEYS = {"name": "name", "url": "url", "events": "events", "application": "application_id", SECRET: SECRET}
# What one is that isn't saved yet.
NEW: dict[str, Any] = {"url": "", "application_id": None, "events": []}


def apply(session: Session, sealer: Sealer, document: Document) -> list[Declared]:
    """Save the webhooks that differ, and return the fields that the file sets."""
    locked: list[Declared] = []
    names: set[str] = set()
    for table in document.tables(WEBHOOKS):
        table.report_unknown(list(KEYS))
        name = unique_name(table, names)
        if name is not None and _save(session, sealer, table, name):
            locked += [Declared(WEBHOOKS, KEYS[key], name) for key in table.values]
    return locked


def _save(session: Session, sealer: Sealer, table: Table, name: str) -> bool:
    """Save a webhook if it differs; return whether it is right."""
    saved = service.find(session, name)
    values = service.values_of(saved, sealer) if saved else NEW
    given = _given(session, table)
    secret = secret_of(table, SECRET) if SECRET in table.values else ""
    if given is None or secret is None:
        return False
    form = WebhookForm(application_names(session), formdata=to_post({**values, **given, "name": name}))
    if not form.validate():
        report_errors(table, form, _key_of)
        return False
    try:
        _save_values(session, sealer, saved, form.values, secret)
    except InvalidSecret as error:
        table.report(SECRET, str(error))
        return False
    return True


def _save_values(session: Session, sealer: Sealer, saved: Webhook | None, values: dict[str, Any], secret: str) -> None:
    if saved is None:
        service.create(session, sealer, **values, secret=secret)
        return
    if values != service.values_of(saved, sealer):
        service.update(session, sealer, saved.id, **values)
    if secret and secret != _signing_secret(saved, sealer):
        service.renew_secret(session, sealer, saved.id, secret)


def _given(session: Session, table: Table) -> dict[str, Any] | None:
    """Return what a table sets, by the names of FIELDS; None, and reports, if a value can't be read."""
    given: dict[str, Any] = {}
    if "url" in table.values:
        # A URL may be all it takes to post to it.
        is_text = isinstance(table.values["url"], str)
        given["url"] = value_of(table, "url", str) if is_text else secret_of(table, "url")
    if "events" in table.values:
        given["events"] = list_of_texts(table, "events")
    if "application" in table.values:
        given["application_id"] = _application(session, table)
    return None if None in given.values() else given


def _application(session: Session, table: Table) -> int | None:
    name = value_of(table, "application", str)
    if name is None:
        return None
    try:
        return applications.find(session, name).id
    except NotFound:
        table.report("application", "There is no application of this name.")
        return None


def _signing_secret(saved: Webhook, sealer: Sealer) -> str:
    try:
        return service.endpoint(saved, sealer).secrets[0]
    except CannotUnseal:
        return ""


def _key_of(field: str) -> str:
    """Return the key of a field of the form."""
    names = {form_field: name for name, form_field in FIELDS.items()}
    return {name: key for key, name in KEYS.items()}.get(names.get(field, ""), "events")
