"""Rotating keys while others read and save, and interrupted rotations."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.core.keys.conftest import (
    PURPOSE,
    Rotate,
    Save,
    passwords,
    save_sealed,
    sealed_passwords,
    server,
)
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.keys import keyring, rotation
from webapp.core.keys.models import DataKey
from webapp.core.sealing import CannotUnseal, KeySealer


def in_force(state: AppState) -> KeySealer:
    state.keyring.refresh()
    return KeySealer(state.keyring.known()[:1])


def test_all_saved_values_open_with_the_new_key_alone(rotate: Rotate, save: Save, state: AppState) -> None:
    save("first")
    for _ in range(2):
        outcome = rotate()
        assert (outcome.complete, dict(outcome.resealed)) == (True, {"mail_servers": 1})
        assert [in_force(state).open(sealed, PURPOSE) for sealed in sealed_passwords(state.database)] == ["first"]


@pytest.mark.parametrize("limit", [("BATCH", 3), ("MAX_LENGTH", 500), ("MAX_LENGTH", 1)])
def test_a_rotation_reseals_every_row_of_several_batches(
    limit: tuple[str, int], monkeypatch: pytest.MonkeyPatch, rotate: Rotate, save: Save, state: AppState
) -> None:
    monkeypatch.setattr(rotation, *limit)
    for number in range(7):
        save(f"password {number}", position=number)
    assert rotate().resealed["mail_servers"] == 7
    assert passwords(state) == [f"password {number}" for number in range(7)]


def test_another_process_soon_seals_with_the_new_key(
    monkeypatch: pytest.MonkeyPatch, rotate: Rotate, other: AppState, state: AppState
) -> None:
    rotate()
    monkeypatch.setattr(keyring, "CACHE_SECONDS", -1.0)
    assert in_force(state).opens(other.sealer.seal("typed", PURPOSE))


def test_a_value_sealed_before_and_saved_after_a_rotation_is_saved_under_the_new_key(
    rotate: Rotate, other: AppState, state: AppState
) -> None:
    sealed = other.sealer.seal("in the air", PURPOSE)
    assert rotate(drop_old=True).complete
    save_sealed(other.database, sealed)
    assert passwords(state) == ["in the air"]
    assert all(in_force(state).opens(sealed) for sealed in sealed_passwords(state.database))


def test_a_rotation_waits_for_transactions_that_save_sealed_values(
    rotate: Rotate, state: AppState, other: AppState
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with other.database.transaction() as session:
            session.add(server(other.sealer.seal("under way", PURPOSE)))
            session.flush()
            waiting = pool.submit(rotate, drop_old=True)
            with pytest.raises(TimeoutError):
                waiting.result(0.5)
        assert waiting.result(30).resealed["mail_servers"] == 1
    assert passwords(state) == ["under way"]


def test_concurrent_rotations_and_saves_lose_nothing(
    rotate: Rotate, save: Save, state: AppState, other: AppState
) -> None:
    save("0")

    def saves() -> None:
        for number in range(1, 11):
            save(str(number), by=other, position=number)

    with ThreadPoolExecutor(3) as pool:
        saving = pool.submit(saves)
        outcomes = [pool.submit(rotate, drop_old=True) for _ in range(4)]
        assert all(outcome.result(60).complete for outcome in outcomes)
        saving.result(60)
    assert passwords(other) == [str(number) for number in range(11)]
    assert all(in_force(state).opens(sealed) for sealed in sealed_passwords(state.database))


def test_a_value_that_no_key_opens_is_named_and_kept(rotate: Rotate, save: Save, state: AppState) -> None:
    save("fine")
    foreign = KeySealer(["a key of another installation"]).seal("foreign", PURPOSE)
    server_id = save_sealed(state.database, foreign, position=1)
    outcome = rotate(drop_old=True)
    assert (outcome.complete, outcome.lost, outcome.left) == (
        False,
        [f"mail_servers {server_id} sealed_secrets password"],
        [],
    )
    assert sealed_passwords(state.database)[1] == foreign
    assert [row.retired_at for row in keys(state.database)] == [None, None]


def test_a_value_that_only_an_old_key_opens_makes_a_rotation_incomplete(
    monkeypatch: pytest.MonkeyPatch, rotate: Rotate, save: Save, state: AppState
) -> None:
    server_id = save("forgotten")
    monkeypatch.setattr(rotation, "_reseal", lambda *_given: None)
    outcome = rotate(drop_old=True)
    assert (outcome.complete, outcome.left) == (False, [f"mail_servers {server_id} sealed_secrets password"])
    assert passwords(state) == ["forgotten"]


def test_old_keys_open_posted_forms_until_they_are_dropped(rotate: Rotate, state: AppState, other: AppState) -> None:
    form = state.sealer.seal("typed", "held form")
    rotate()
    assert other.sealer.open(form, "held form") == "typed"
    rotate(drop_old=True)
    other.keyring.refresh()
    with pytest.raises(CannotUnseal):
        other.sealer.open(form, "held form")
    assert len(keys(state.database)) == 1


def test_retired_keys_are_deleted_once_no_cookie_can_need_them(rotate: Rotate, state: AppState) -> None:
    rotate()
    for kept, number in ((timedelta(0), 2), (rotation.KEY_RETENTION, 1)):
        with state.database.transaction() as session:
            rotation.sweep(session, clock.now() + kept)
        assert len(keys(state.database)) == number


def keys(database: Database) -> list[DataKey]:
    with database.read() as session:
        return list(session.scalars(select(DataKey).order_by(DataKey.id)))


def test_no_key_is_in_the_database_in_plain_text(rotate: Rotate, state: AppState) -> None:
    rotate()
    assert state.keyring.known()
    assert not any(key in row.wrapped for key in state.keyring.known() for row in keys(state.database))
    assert not any(key in repr(state.keyring.keys()) for key in state.keyring.known())


def test_a_code_sent_before_a_rotation_is_found_until_the_old_keys_are_dropped(
    rotate: Rotate, state: AppState, other: AppState
) -> None:
    mailed = state.sealer.lookup_hashes("ABCD2345", "reset")[0]
    for drop_old, found in ((False, True), (True, False)):
        rotate(drop_old=drop_old)
        other.keyring.refresh()
        assert (mailed in other.sealer.lookup_hashes("ABCD2345", "reset")) == found
