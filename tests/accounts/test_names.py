"""Which names people may have."""

import pytest
from flask import Flask

from webapp.accounts import names


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app


@pytest.mark.one_database
@pytest.mark.parametrize(
    "name",
    ["You won: https://evil.example/x", "see www.evil", "EVIL.EXAMPLE", "pay at evil.example now", "evil．example",
     "evil。example", "evil\u200d.example", "t.me/evil", "ada@evil.example", "bücher.example", "пример.рф",
     "evil.xn--p1ai", "1.2.3.4/x", "x.evil:8080", "hXXp://x", "evil\ufe0f.example", "evil.\U000e0100example",
     "evil\u034f.example", "ada@x.example", "उदाहरण.भारत"],
)  # fmt: skip
def test_a_name_with_a_web_address_is_refused(app: Flask, name: str) -> None:
    with app.test_request_context():
        assert "can't contain a web or email address" in names.problem(name)


@pytest.mark.one_database
@pytest.mark.parametrize(
    "name",
    ["Ada Lovelace", "Dr. J.R. Smith", "J.R.R. Tolkien", "Dr. med. Anna-Lena Öz", "Dipl.-Ing. Max", "Ada Byron, Ph.D.",
     "O'Neill", "Sammy Davis Jr.", "Team 2.0", "N/A", "李雷", "محمد", "R. 2-D2", "Ada (she/her)", "A.B.", "Zoë@home",
     "S. श्री", "José R.Ñ."],
)  # fmt: skip
def test_a_name_with_initials_titles_and_signs_is_accepted(app: Flask, name: str) -> None:
    with app.test_request_context():
        assert names.problem(name) == ""
