"""Secrets at rest."""

import pytest

from webapp.core.sealing import CannotUnseal, KeySealer

OLD, NEW = "the old key of the tests", "the new key of the tests"
PASSWORD = "mail_server.password"


def test_a_sealed_secret_opens_for_its_purpose() -> None:
    sealed = KeySealer([NEW]).seal("pässword", PASSWORD)
    assert "pässword" not in sealed
    assert KeySealer([NEW]).open(sealed, PASSWORD) == "pässword"


def test_a_secret_moved_to_another_purpose_stays_closed() -> None:
    sealer = KeySealer([NEW])
    with pytest.raises(CannotUnseal, match=r"sealed as mail_server\.password"):
        sealer.open(sealer.seal("secret", PASSWORD), "mail_server.proxy_password")


def test_after_a_rotation_old_secrets_open_and_new_ones_use_the_new_key() -> None:
    old, both, new = KeySealer([OLD]), KeySealer([NEW, OLD]), KeySealer([NEW])
    assert both.open(old.seal("secret", PASSWORD), PASSWORD) == "secret"
    assert new.open(both.seal("secret", PASSWORD), PASSWORD) == "secret"


@pytest.mark.parametrize("sealed", ["", "not sealed", "gAAAAA", "päss\0", KeySealer([OLD]).seal("secret", PASSWORD)])
def test_a_text_that_was_never_sealed_cannot_be_unsealed(sealed: str) -> None:
    with pytest.raises(CannotUnseal, match="MAILROOM_SECRET_KEY"):
        KeySealer([NEW]).open(sealed, PASSWORD)
