"""Reading and saving what holds for the whole installation."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from webapp.config import Config
from webapp.settings.models import ONLY_ROW, GeneralSettings


@dataclass(frozen=True)
class General:
    """The settings in force. `public_url` has no slash at its end, and is empty while nobody set it."""

    public_url: str
    product_name: str
    support_address: str


def general(session: Session, config: Config) -> General:
    """The settings in force: the saved ones, and the public address of the environment if it has one."""
    row = session.get(GeneralSettings, ONLY_ROW)
    return General(
        public_url=(config.public_url or (row.public_url if row else "")).rstrip("/"),
        product_name=row.product_name if row else "Mailroom",
        support_address=row.support_address if row else "",
    )


def save(session: Session, public_url: str | None, product_name: str, support_address: str) -> None:
    """Save all three; they hold from the commit on, in every process. No `public_url` keeps the saved one."""
    row = session.get(GeneralSettings, ONLY_ROW) or GeneralSettings(public_url="")
    if public_url is not None:
        row.public_url = public_url
    row.product_name, row.support_address = product_name, support_address
    session.add(row)
