"""The tables `[general]` and `[security]`."""

from dataclasses import asdict, fields

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp.applications.forms import ContentForm
from webapp.core.config import Config
from webapp.settings import service
from webapp.settings.declared import GENERAL, SECURITY, Declared
from webapp.settings.forms import DURATION_LIMITS, GeneralForm, SecurityForm, as_posted, field_of, with_partners
from webapp.settings.service import SecurityPolicy
from webapp.settings_file.document import Document
from webapp.settings_file.entries import report_errors, to_post

SECURITY_KEYS = tuple(field.name for field in fields(SecurityPolicy))


def apply_general(session: Session, document: Document) -> list[Declared]:
    """Save what `[general]` sets, if anything differs, and return its keys."""
    table = document.table(GENERAL)
    if table is None or not table.values:
        return []
    empty = [GeneralForm(formdata=None), ContentForm(formdata=None)]
    posted = to_post(table, {field.name: field for form in empty for field in form if field.name != "version"})
    # Without what the environment sets, which overrides the saved values wherever they are used.
    saved = asdict(service.general(session, Config()))
    checked = with_partners(posted, saved)
    forms = [GeneralForm(formdata=checked), ContentForm(formdata=checked)]
    for form in forms:
        for field in list(form):
            if field.name not in checked:
                delattr(form, field.name)
        if not form.validate():
            report_errors(table, form)
    if table.document.wrong:
        return []
    given = {field.name: field.data for form in forms for field in form}
    days = given.pop("content_days", None)
    if saved | given != saved:
        service.save_general(session, **saved | given)
    if days is not None:
        service.save_content_days(session, days)
    return [Declared(GENERAL, key) for key in posted]


def apply_security(session: Session, document: Document) -> list[Declared]:
    """Save what `[security]` sets, if anything differs, and return its keys."""
    table = document.table(SECURITY)
    if table is None or not table.values:
        return []
    empty, saved = SecurityForm(formdata=None), service.security(session)
    posted = to_post(table, {key: empty[field_of(key)] for key in SECURITY_KEYS})
    # The rest as saved, because some limits depend on each other.
    form = SecurityForm(formdata=MultiDict(as_posted(saved) | posted.to_dict()))
    if not form.validate():
        report_errors(table, form, lambda name: f"{name}_minutes" if name in DURATION_LIMITS else name)
        return []
    if form.to_policy() != saved:
        service.save_security(session, form.to_policy())
    return [Declared(SECURITY, key) for key in table.values]
