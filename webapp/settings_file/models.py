"""Whether the settings file could be applied."""

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.settings.models import SINGLETON_ID


class SettingsFileState(Base):
    """One row, once a settings file was found. It also keeps two processes from applying the file at the same time."""

    __tablename__ = "settings_file"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=SINGLETON_ID)
    # What is wrong with the file, in English as in the log: `{"found": [[line or None, key, text], …]}`; empty if
    # nothing is.
    problems: Mapped[dict[str, Any]] = mapped_column(default=dict)
