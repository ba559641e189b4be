"""Options that are checked like the forms of the pages."""

import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("arguments", "known"),
    [
        (("outbox", "list", "--kind", "nothing"), "--kind: There is no nothing. There are: activat"),
        (("audit", "list", "--event", "nothing"), "--event: There is no nothing. There are: activation."),
        (("webhooks", "add", "A", "https://a.example/", "--event", "nothing"), "There are: mail_server.ended, "),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_there_are(
    mailroom: Command, arguments: tuple[str, ...], known: str
) -> None:
    assert known in mailroom.json(*arguments)["error"]
