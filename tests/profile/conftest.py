"""What tests of the profile share."""

from collections.abc import Callable

import pytest

from tests.accounts.conftest import ada, new_link, owed, signed_in
from tests.support.browser import PASSWORD
from webapp.accounts.models import SignIn, User
from webapp.context import Parts
from webapp.profile import address

__all__ = ["ada", "new_link", "owed", "signed_in"]

NEW = "ada@new.example"
Ask = Callable[..., None]


@pytest.fixture
def ask(parts: Parts) -> Ask:
    """Ask for another address, with the password."""

    def ask(person: User, email: str = NEW, password: str = PASSWORD, limited: bool = False) -> None:
        address.ask(parts.database, parts.queue, person, email, password, SignIn(id=person.id), limited)

    return ask
