"""Saving the only row of a settings table."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from webapp.database import insert_into
from webapp.settings.models import ONLY_ROW, GeneralSettings, SecuritySettings


def save(
    session: Session,
    model: type[GeneralSettings] | type[SecuritySettings],
    first: Mapping[str, object],
    new: Mapping[str, object],
) -> list[str]:
    """Save `new`; the names of what changed. `first` is what holds while nobody saved anything.

    Of two who save at once, the second one waits until the first one is done.
    """
    made = insert_into(session, model).values(id=ONLY_ROW, **first)
    session.execute(made.on_conflict_do_nothing())
    row = session.get_one(model, ONLY_ROW, with_for_update=True, populate_existing=True)
    changed = [name for name, value in new.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, new[name])
    return changed
