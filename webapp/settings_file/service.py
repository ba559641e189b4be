"""Apply the settings file: all of it or nothing, and only what differs."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, delete, select
from sqlalchemy.orm import Session

from webapp.core.actor import SETTINGS_FILE, acting
from webapp.core.app_state import AppState
from webapp.core.sealing import Sealer
from webapp.mail.servers import lock_all
from webapp.settings import declared
from webapp.settings.models import SINGLETON_ID, GeneralSettings
from webapp.settings.service import lock_row
from webapp.settings_file import applications, general, mail_servers, webhooks
from webapp.settings_file.document import Document, InvalidSettingsFile, Problem
from webapp.settings_file.models import SettingsFileState

SECTIONS = (declared.GENERAL, declared.SECURITY, declared.MAIL_SERVERS, declared.APPLICATIONS, declared.WEBHOOKS)


class _Rejected(Exception):
    """Something in the document is wrong."""


def apply_document(state: AppState, found: Document) -> None:
    """Apply a settings file. Raises InvalidSettingsFile; then nothing was changed.

    Applied again, it changes nothing: there is no audit entry, and no message is tried before its time.
    """
    with _reporting(found), acting(SETTINGS_FILE), state.database.transaction() as session:
        _apply(session, state.sealer, found)


def check_document(state: AppState, found: Document) -> None:
    """Apply a settings file and take it back. Raises InvalidSettingsFile."""
    with _reporting(found), state.database.read() as session:
        session.connection(execution_options={"writes": True})
        _apply(session, state.sealer, found)


@contextmanager
def _reporting(found: Document) -> Iterator[None]:
    """Raise what is wrong once the transaction is over: others wait for it."""
    try:
        yield
    except _Rejected:
        raise found.error() from None


def _apply(session: Session, sealer: Sealer, found: Document) -> None:
    """Apply a document in a transaction, to be rolled back if this raises _Rejected."""
    row = lock_row(session, SettingsFileState, {"problems": {}})
    # As pages do, before the messages that wait; in another order, both could wait for each other.
    session.get(GeneralSettings, SINGLETON_ID, with_for_update=True)
    lock_all(session)
    for key in [key for key in found.values if key not in SECTIONS]:
        found.report_unknown((key,), SECTIONS)
    # So that the services don't refuse what comes from the file itself.
    declared.clear(session)
    locked = [
        *general.apply_general(session, found),
        *general.apply_security(session, found),
        # Mail servers and webhooks name applications.
        *applications.apply(session, found),
        *mail_servers.apply(session, sealer, found),
        *webhooks.apply(session, sealer, found),
    ]
    if found.wrong:
        raise _Rejected
    declared.add(session, locked)
    row.problems = {}


def forget(state: AppState) -> None:
    """Let everything be changed on the pages again, because there is no settings file any more."""
    with state.database.transaction() as session:
        declared.clear(session)
        session.execute(delete(SettingsFileState))


def record_problems(state: AppState, error: InvalidSettingsFile) -> None:
    """Have the pages show administrators what is wrong with the file."""
    with state.database.transaction() as session:
        row = lock_row(session, SettingsFileState, {"problems": {}})
        row.problems = {"found": [[one.line, one.key, one.text] for one in error.problems]}


def problems(connection: Connection) -> list[Problem]:
    """Return what is wrong with the file that was found last; nothing if it was applied."""
    stored = connection.scalar(select(SettingsFileState.problems)) or {}
    return [Problem(text, key, line) for line, key, text in stored.get("found", [])]
