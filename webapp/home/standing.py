"""How things stand: all that Home asks of the mail, in one statement, as each costs as much as what it asks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import select, true

from webapp.core.database import Database
from webapp.mail.expiry import service as expiries
from webapp.mail.expiry.service import Expiry
from webapp.outbox import status
from webapp.outbox.status import DeliveryStatus

_FLOW, _ENDS = status.STATEMENT.subquery(), expiries.STATEMENT.subquery()
_BOTH = select(*_FLOW.columns, *_ENDS.columns).select_from(_FLOW.outerjoin(_ENDS, true()))
_OF_FLOW = len(_FLOW.columns)


def standing(database: Database, now: datetime) -> tuple[DeliveryStatus, tuple[Expiry, ...]]:
    """Whether mail is flowing, and what is to be warned of now."""
    row: Sequence[Any] = cast(tuple[Any, ...], database.glance(_BOTH))
    ends = row[_OF_FLOW:]
    # Of a mail server something is always known: how it signs in.
    known = expiries.of_row(ends if ends[0] is not None else None, now)
    return status.of_row(database, row[:_OF_FLOW]), tuple(one for one in known if one.warns)
