"""The tables `[[mail_servers]]`: what the pages of mail servers would save, by the same forms."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp.applications.values import name_key
from webapp.core.actor import SETTINGS_FILE
from webapp.core.sealing import Sealer
from webapp.mail import server_list, servers, service
from webapp.mail.filling import is_unchanged
from webapp.mail.models import MailServer
from webapp.mail.server_page.form_state import FormResult, FormState
from webapp.mail.server_page.forms import SECRETS, mail_server_form
from webapp.mail.servers import COLUMNS, EnteredServer, open_secrets, secrets_to_retype
from webapp.providers import Provider
from webapp.providers.registry import get_providers
from webapp.settings.declared import MAIL_SERVERS, Declared
from webapp.settings_file import mail_server_list
from webapp.settings_file.applications import unique_name
from webapp.settings_file.document import Document, Table
from webapp.settings_file.entries import report_errors, to_post, value_of

# Nobody entered it in a browser.
NO_USER, BY = 0, SETTINGS_FILE.email
# They decide what else is needed, so they can't be left to what happens to be saved.
REQUIRED = ("provider", "authentication")


def apply(session: Session, sealer: Sealer, document: Document) -> list[Declared]:
    """Save the mail servers that differ, use them in this order, keep others as drafts, and return the keys.

    One that needs an access token first is kept as a draft beside the one in use, like one that is entered on the page.
    """
    tables, names = document.tables(MAIL_SERVERS), set[str]()
    called = [_name(table, names, needed=len(tables) > 1) for table in tables]
    found: list[MailServer] = []
    for table, name in zip(tables, called, strict=True):
        provider = _provider(table)
        if name is None or provider is None:
            continue
        entry = _Entry(session, sealer, table, name, _to_post(table, provider))
        server = entry.save(_find(session, name, names if table is tables[0] else None))
        if server in found:
            table.report("", "This is the same mail server as another one in the file.")
        elif server is not None:
            found.append(server)
    if not tables or len(found) < len(tables):
        return []
    mail_server_list.apply(session, list(zip(tables, called, found, strict=True)))
    return [
        Declared(MAIL_SERVERS, key, server.name)
        for table, server in zip(tables, found, strict=True)
        for key in {*table.values, "name"}
    ]


def _name(table: Table, names: set[str], needed: bool) -> str | None:
    """Return the name of a table, empty if it needs none; None, and a report, if it is wrong."""
    return unique_name(table, names) if needed or "name" in table.values else ""


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


def _to_post(table: Table, provider: Provider) -> MultiDict[str, str]:
    form = mail_server_form(provider, {}, None)
    fields = {key: form[key] for key in (*COLUMNS, *SECRETS, *provider.fields)}
    table.report_unknown(sorted({*fields, *mail_server_list.KEYS}))
    settings = {key: value for key, value in table.values.items() if key in fields}
    return to_post(replace(table, values=settings), fields)


def _find(session: Session, name: str, names_if_first: Collection[str] | None) -> MailServer | None:
    """Return the server that has this name, or the one in use without a name.

    The first in the file takes the place of the one in use, if the file doesn't have that by its name.
    """
    found, primary = servers.by_name(session, name) if name else None, servers.primary(session)
    if found is not None:
        # The file makes a server of what was a draft of changes to another one.
        found.replaces_id = None
    elif not name or (names_if_first is not None and primary and name_key(primary.name) not in names_if_first):
        found = primary
    return found


@dataclass(frozen=True)
class _Entry:
    """What one table holds, and where it is saved."""

    session: Session
    sealer: Sealer
    table: Table
    name: str
    posted: MultiDict[str, str]

    def save(self, saved: MailServer | None) -> MailServer | None:
        """Save the settings into this server or draft, or a new one, unless they are there; return None if wrong."""
        result = self._over(saved)
        if result.entered is None or not result.valid:
            report_errors(self.table, result.form)
            return None
        if saved is None:
            return self._create(result.entered)
        base = self._base(saved)
        if not self._is_in(base):
            self._save_over(base, self._over(base).entered or result.entered)
        elif base.is_draft and service.can_work(self.session, base):
            service.use(self.session, base.id, BY)
        return saved

    def _create(self, entered: EnteredServer) -> MailServer:
        server = service.save(self.session, self.sealer, entered, BY, server_id=service.NEW).server
        # At once, because the name that it gets by itself may be that of another one in the file.
        server.name = self.name or server.name
        self.session.flush()
        return server

    def _base(self, saved: MailServer) -> MailServer:
        """Return what the settings are saved over: the server, or the draft in which they wait for an access token.

        What a page has kept as a draft of changes becomes a draft of its own, if the file sets something else now.
        """
        draft = servers.draft_of(self.session, saved)
        if draft is None:
            return saved
        of_file, has_them = draft.updated_by == BY, self._is_in(draft)
        if not self._is_in(saved) and (of_file or has_them):
            return draft
        if of_file:
            server_list.remove(self.session, draft)
        elif not has_them:
            draft.replaces_id = None
            self.session.flush()
        return saved

    def _over(self, saved: MailServer | None) -> FormResult:
        """Return the form over what is saved."""
        primary = servers.primary(self.session)
        return FormState(self.posted, saved, primary, NO_USER, get_providers(), self.sealer).as_posted()

    def _is_in(self, saved: MailServer) -> bool:
        """Return whether saving these settings would change nothing."""
        result = self._over(saved)
        opened = open_secrets(self.sealer, saved, needed=())
        return result.valid and result.entered is not None and is_unchanged(saved, result.entered, opened)

    def _save_over(self, saved: MailServer, entered: EnteredServer) -> None:
        opened = open_secrets(self.sealer, saved, needed=())
        # A secret that stays the same isn't saved again, unless it has to be because of where it is sent.
        new = {name: value for name, value in entered.secrets.items() if opened.get(name) != value}
        fewer = replace(entered, secrets=new)
        given = entered if secrets_to_retype(saved, fewer) else fewer
        service.save(self.session, self.sealer, given, BY, server_id=saved.id)
