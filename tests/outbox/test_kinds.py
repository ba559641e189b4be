"""What a message is prepared with."""

import pytest

from webapp.outbox.kinds import PreparedMessage


@pytest.mark.parametrize("path", ["/reset-password/SECRET", "/reset-password/SECRET/", "/reset?key=SECRET&lang=de"])
def test_the_secret_is_known_wherever_it_is_in_the_link(path: str) -> None:
    secrets = PreparedMessage("ada@example.com", {"code": "ABCD-EFGH"}, link_path=path).secrets
    assert {"SECRET", "ABCD-EFGH"} <= set(secrets)
    assert not {"reset-password", "reset", ""} & set(secrets)


def test_without_a_link_there_is_no_secret() -> None:
    assert set(PreparedMessage("ada@example.com", {}).secrets) == {""}
