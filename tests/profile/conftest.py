"""What tests of the profile share."""

import re
from collections.abc import Callable

import pytest

from tests.accounts.conftest import CLIENT, ada, new_link, owed, signed_in
from tests.support.browser import PASSWORD
from webapp.accounts.models import User
from webapp.accounts.sign_ins import service as sign_ins
from webapp.context import Parts
from webapp.profile import address

__all__ = ["ada", "new_link", "owed", "signed_in"]

NEW = "ada@new.example"
OTHER = "another long sentence 8"
Ask = Callable[..., None]


@pytest.fixture
def ask(parts: Parts) -> Ask:
    """Ask for another address, with the password, in a new sign-in."""

    def ask(person: User, email: str = NEW, password: str = PASSWORD, limited: bool = False) -> None:
        with parts.database.writing() as session:
            here, _token = sign_ins.start(session, person, CLIENT)
        address.ask(parts.database, parts.queue, person, email, password, here, limited)

    return ask


def error_beside(page: str, problem: str) -> bool:
    """Whether this stands beside a field."""
    return re.search(rf'class="error"[^>]*>[^<]*{problem}', page) is not None
