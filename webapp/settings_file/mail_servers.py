"""The table `[[mail_servers]]`: what the page Settings → Mail server would save, by the same form."""

from dataclasses import replace

from sqlalchemy.orm import Session

from webapp.core.actor import SETTINGS_FILE
from webapp.core.sealing import Sealer
from webapp.mail import service
from webapp.mail.filling import is_unchanged
from webapp.mail.models import MailServer
from webapp.mail.server_page.form_state import FormState
from webapp.mail.server_page.forms import SECRETS, mail_server_form
from webapp.mail.servers import COLUMNS, EnteredServer, find_saved, open_secrets, secrets_to_retype
from webapp.providers import Provider
from webapp.providers.registry import get_providers
from webapp.settings.declared import MAIL_SERVERS, Declared
from webapp.settings_file.document import Document, Table
from webapp.settings_file.entries import report_errors, to_post, value_of

# Nobody entered it in a browser.
NO_USER = 0
# They decide what else is needed, so they can't be left to what happens to be saved.
REQUIRED = ("provider", "authentication")


def apply(session: Session, sealer: Sealer, document: Document) -> list[Declared]:
    """Save the mail server, if it differs, and return its keys.

    One that needs an access token first is kept as a draft beside the one in use, like one that is entered on the page.
    """
    tables = document.tables(MAIL_SERVERS)
    if len(tables) > 1:
        tables[1].report("", "Mailroom uses one mail server: remove the others.")
    if not tables or (provider := _provider(tables[0])) is None:
        return []
    table, found = tables[0], find_saved(session, lock=True)
    form = mail_server_form(provider, {}, None)
    posted = to_post(table, {key: form[key] for key in (*COLUMNS, *SECRETS, *provider.fields)})
    state = FormState(posted, found.shown, found.primary, NO_USER, get_providers(), sealer)
    result = state.as_posted()
    if result.entered is None or not result.valid:
        report_errors(table, result.form)
        return []
    _save(session, sealer, found.shown, result.entered)
    saved = find_saved(session).primary
    return [Declared(MAIL_SERVERS, key, saved.name if saved else "") for key in table.values]


def _provider(table: Table) -> Provider | None:
    """Return the provider that the table names; None, and reports, if it can't be told what the table needs."""
    missing = [key for key in REQUIRED if key not in table.values]
    for key in missing:
        table.report(key, "Set it. It isn't in the file.")
    known = [provider.key for provider in get_providers()]
    name = value_of(table, "provider", str) if "provider" not in missing else None
    if name is not None and name not in known:
        table.report("provider", f"There is no such provider. Allowed are: {', '.join(known)}.")
    return get_providers().get(name or "") if not missing else None


def _save(session: Session, sealer: Sealer, shown: MailServer | None, entered: EnteredServer) -> None:
    opened = open_secrets(sealer, shown, needed=()) if shown else {}
    if is_unchanged(shown, entered, opened):
        return
    # A secret that stays the same isn't saved again, unless it has to be because of where it is sent.
    new = {name: value for name, value in entered.secrets.items() if opened.get(name) != value}
    fewer = replace(entered, secrets=new)
    given = entered if secrets_to_retype(shown, fewer) else fewer
    service.save(session, sealer, given, SETTINGS_FILE.email, server_id=shown.id if shown else None)
