"""The tables `[[webhooks]]`: each is found by its name, and created if there is none of this name."""

from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp.applications import service as applications
from webapp.core.errors import NotFound
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.settings.declared import WEBHOOKS, Declared
from webapp.settings_file.applications import SECRET, unique_name
from webapp.settings_file.document import Document, Table
from webapp.settings_file.entries import list_of_texts, report_errors, secret_of, value_of
from webapp.webhooks import registry, service
from webapp.webhooks.forms import WebhookForm, scope_of
from webapp.webhooks.models import Webhook
from webapp.webhooks.service import FIELDS, InvalidSecret

# The keys, and the names by which they are locked.
KEYS = {"name": "name", "url": "url", "events": "events", "application": "application_id", SECRET: SECRET}


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
    posted = _to_post(session, table, _as_posted(saved, sealer) | {"webhook_name": [name]})
    secret = secret_of(table, SECRET) if SECRET in table.values else ""
    if posted is None or secret is None:
        return False
    form = WebhookForm(service.application_names(session), formdata=MultiDict(posted))
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
    if values != _values(saved, sealer):
        service.update(session, sealer, saved.id, **values)
    if secret and secret != _signing_secret(saved, sealer):
        service.renew_secret(session, sealer, saved.id, secret)


def _to_post(session: Session, table: Table, posted: dict[str, list[str]]) -> dict[str, list[str]] | None:
    """Return what a browser would send for a table; None, and reports, if that can't be told."""
    given: dict[str, list[str] | None] = {}
    if "url" in table.values:
        # A URL may be all it takes to post to it.
        is_text = isinstance(table.values["url"], str)
        url = value_of(table, "url", str) if is_text else secret_of(table, "url")
        given["webhook_url"] = None if url is None else [url]
    if "events" in table.values:
        events = _events(table)
        given |= {"webhook_events": events, "webhook_scope": [scope_of(events or [])]}
    if "application" in table.values:
        given["webhook_application"] = _application(session, table)
    found = {name: value for name, value in given.items() if value is not None}
    return posted | found if len(found) == len(given) else None


def _events(table: Table) -> list[str] | None:
    events, known = list_of_texts(table, "events"), registry.event_types()
    if events is not None and (unknown := [name for name in events if name not in known]):
        table.report("events", f"There is no event “{unknown[0]}”. Allowed are: {', '.join(known)}.")
        return None
    return events


def _application(session: Session, table: Table) -> list[str] | None:
    name = value_of(table, "application", str)
    if name is None:
        return None
    try:
        return [str(applications.find(session, name).id)]
    except NotFound:
        table.report("application", "There is no application of this name.")
        return None


def _as_posted(saved: Webhook | None, sealer: Sealer) -> dict[str, list[str]]:
    if saved is None:
        return {"webhook_application": ["0"], "webhook_scope": [scope_of([])]}
    return {
        "webhook_url": [service.saved_url(saved, sealer)],
        "webhook_application": [str(saved.application_id or 0)],
        "webhook_scope": [scope_of(saved.events)],
        "webhook_events": saved.events,
    }


def _values(saved: Webhook, sealer: Sealer) -> dict[str, Any]:
    url = service.saved_url(saved, sealer)
    return {"name": saved.name, "url": url, "application_id": saved.application_id, "events": saved.events}


def _signing_secret(saved: Webhook, sealer: Sealer) -> str:
    try:
        return service.endpoint(saved, sealer).secrets[0]
    except CannotUnseal:
        return ""


def _key_of(field: str) -> str:
    """Return the key of a field of the form."""
    names = {form_field: name for name, form_field in FIELDS.items()}
    return {name: key for key, name in KEYS.items()}.get(names.get(field, ""), "events")
