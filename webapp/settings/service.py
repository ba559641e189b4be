"""Reading and saving what holds for the whole installation."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.config import Config
from webapp.settings.models import ONLY_ROW, GeneralSettings

# Asked for every page: columns cost a third less than the mapped object.
IN_FORCE = select(GeneralSettings.public_url, GeneralSettings.product_name, GeneralSettings.support_address).where(
    GeneralSettings.id == ONLY_ROW
)


@dataclass(frozen=True)
class General:
    """The settings in force. `public_url` has no slash at its end, and is empty while nobody set it."""

    public_url: str
    product_name: str
    support_address: str


def general(session: Session, config: Config) -> General:
    """The settings in force: the saved ones, and the public address of the environment if it has one."""
    row = session.execute(IN_FORCE).first()
    public_url, product_name, support_address = row if row else ("", "Mailroom", "")
    return General((config.public_url or public_url).rstrip("/"), product_name, support_address)


def save(session: Session, public_url: str | None, product_name: str, support_address: str) -> None:
    """Save all three; they hold from the commit on, in every process. No `public_url` keeps the saved one."""
    row = session.get(GeneralSettings, ONLY_ROW) or GeneralSettings(public_url="")
    if public_url is not None:
        row.public_url = public_url
    row.product_name, row.support_address = product_name, support_address
    session.add(row)
