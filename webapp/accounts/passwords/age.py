"""How old a password is, and whether that is too old."""

from datetime import timedelta

from webapp.accounts.models import User
from webapp.core import clock


def is_expired(person: User, days: int) -> bool:
    """Whether the person has to choose another password, where one is good for so many days; 0: for ever."""
    chosen_at = person.password_changed_at or person.activated_at or person.created_at
    return days > 0 and chosen_at + timedelta(days=days) <= clock.now()
