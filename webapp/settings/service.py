"""Reading and saving what holds for the whole installation."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core.config import Config
from webapp.settings import events, rows
from webapp.settings.models import SINGLETON_ID, GeneralSettings

IN_FORCE = select(GeneralSettings.public_url, GeneralSettings.product_name, GeneralSettings.support_address).where(
    GeneralSettings.id == SINGLETON_ID
)


@dataclass(frozen=True)
class General:
    """The settings in force. `public_url` has no slash at its end, and is empty while nobody set it."""

    public_url: str
    product_name: str
    support_address: str


def general(session: Session, config: Config) -> General:
    """The settings in force: the saved ones, and the public address of the environment if it has one."""
    return _in_force(session.execute(IN_FORCE).first(), config)


def save(
    session: Session, public_url: str | None, product_name: str, support_address: str, version: int | None = None
) -> None:
    """Save all three; they hold from the commit on, in every process. No `public_url` keeps the saved one.

    Raises StaleVersion if `version` is not the one that is saved.
    """
    new = {"product_name": product_name, "support_address": support_address}
    if public_url is not None:
        new["public_url"] = public_url
    changed = rows.save(session, GeneralSettings, {}, new, version)
    audit.record(session, events.GENERAL_SETTINGS_SAVED, changed=changed)
    events.settings_saved.send(session=session)


def _in_force(row: Sequence[str] | None, config: Config) -> General:
    public_url, product_name, support_address = row or ("", "Mailroom", "")
    return General((config.public_url or public_url).rstrip("/"), product_name, support_address)
