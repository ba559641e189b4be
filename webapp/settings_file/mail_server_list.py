"""The name, the order and the use of each table `[[mail_servers]]`, by the form of the page."""

from collections.abc import Sequence

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp.applications import service as applications
from webapp.core.errors import NotFound
from webapp.mail import server_list
from webapp.mail.models import MailServer
from webapp.mail.server_page.assign_form import AssignForm
from webapp.settings_file.document import Table
from webapp.settings_file.entries import list_of_texts, report_errors

NAME, DOMAINS, APPLICATIONS = KEYS = ("name", "for_domains", "for_applications")
# A table, the name that it gives, and the server that it was saved as.
Found = tuple[Table, str | None, MailServer]


def apply(session: Session, found: Sequence[Found]) -> None:
    """Name the servers and bring them into this order; all but the first may be for certain emails only."""
    for number, (table, _name, _server) in enumerate(found):
        for key in (DOMAINS, APPLICATIONS):
            if number == 0 and table.values.get(key):
                table.report(key, "The first mail server is for all email. Remove this, or put another one before it.")
    if any(table.document.wrong for table, _name, _server in found):
        return
    first = found[0][2]
    if first.is_dedicated:
        server_list.assign(session, first.id, first.name)
    server_list.use_in_order(session, [server for _table, _name, server in found])
    for number, (table, name, server) in enumerate(found):
        _assign(session, table, name or server.name, server, may_be_dedicated=number > 0)


def _assign(session: Session, table: Table, name: str, server: MailServer, may_be_dedicated: bool) -> None:
    known = applications.list_all(session)
    posted = MultiDict({NAME: name})
    if may_be_dedicated:
        posted[DOMAINS] = "\n".join(_texts(table, DOMAINS, server.for_domains))
        posted.setlist(APPLICATIONS, _identifiers(session, table, server))
    form = AssignForm.of(server, known, posted)
    if not form.validate():
        report_errors(table, form)
        return
    server_list.assign(
        session, server.id, form.name.data, form.for_domains.data or [], form.for_applications.data or []
    )


def _texts(table: Table, key: str, saved: Sequence[str]) -> Sequence[str]:
    """Return what a key sets, or what is saved; nothing, and a report, if it is wrong."""
    return (list_of_texts(table, key) or []) if key in table.values else saved


def _identifiers(session: Session, table: Table, server: MailServer) -> list[str]:
    """Return the identifiers of the applications, which the file names."""
    if APPLICATIONS not in table.values:
        return server.for_applications
    found = []
    for name in _texts(table, APPLICATIONS, ()):
        try:
            found.append(applications.find(session, name).identifier)
        except NotFound:
            table.report(APPLICATIONS, f"There is no application {name}.")
    return found
