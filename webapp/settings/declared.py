"""What the settings file declares: it is shown as set there, and only the file changes it.

`webapp.settings_file` writes this while it applies the file. Services ask here before they change anything.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.core.errors import SetInFile
from webapp.settings.models import DeclaredSetting

# The tables of the file.
GENERAL, SECURITY, MAIL_SERVERS, APPLICATIONS, WEBHOOKS = (
    "general", "security", "mail_servers", "applications", "webhooks",
)  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """One key in a table of the file; `name` says which table, where there are several."""

    section: str
    field: str
    name: str = ""


def fields(session: Session, section: str, name: str = "") -> frozenset[str]:
    """Return the names of the fields that the file sets in this section."""
    found = select(DeclaredSetting.field).where(DeclaredSetting.section == section, DeclaredSetting.name == name)
    return frozenset(session.scalars(found))


def names(session: Session, section: str) -> frozenset[str]:
    """Return which ones the file sets, of a section that can have several."""
    return frozenset(session.scalars(select(DeclaredSetting.name).where(DeclaredSetting.section == section)))


def refuse_changes(session: Session, section: str, changed: Iterable[str], name: str = "") -> None:
    """Refuse to change what the file sets. Raises SetInFile with those of the `changed` fields.

    Call it once the changed row is locked: then the file isn't being applied at the same moment.
    """
    names = frozenset(changed)
    if names and (locked := names & fields(session, section, name)):
        raise SetInFile(locked)


def clear(session: Session) -> None:
    """Let everything be changed, until the end of the transaction or until it is declared again."""
    session.execute(delete(DeclaredSetting))


def add(session: Session, declared: Iterable[Declared]) -> None:
    """Declare these settings."""
    session.add_all(DeclaredSetting(**asdict(one)) for one in declared)
