"""The list of users as a CSV file."""

from collections.abc import Iterator

from webapp.accounts.models import User
from webapp.accounts.users import listing
from webapp.accounts.users.listing import UserFilter
from webapp.core.csv_files import iso, lines
from webapp.core.database import Database

HEADER = ("id", "email", "name", "role", "status", "language", "created", "activated")


def export_csv(database: Database, user_filter: UserFilter) -> Iterator[str]:
    """Yield the file in pieces, so that its size does not matter."""
    yield lines([HEADER])
    for users in listing.read_all(database, user_filter):
        yield lines([_row(user) for user in users])


def _row(user: User) -> tuple[str, ...]:
    return (
        str(user.id),
        user.email,
        user.name,
        user.role,
        user.state,
        user.language or "",
        iso(user.created_at),
        iso(user.activated_at),
    )
