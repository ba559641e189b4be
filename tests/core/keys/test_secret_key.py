"""The secret key, which seals the others: generated, given by the operator, or lost."""

import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.core.keys.conftest import PURPOSE, Rotate, Save, Start, interrupt, passwords, save_sealed, started
from webapp.core.app_state import AppState
from webapp.core.keys import keyring as ring
from webapp.core.keys import rotation
from webapp.core.keys.keyring import Keys, SecretKeyMissing

pytestmark = pytest.mark.one_database


class TestGeneratedSecretKey:
    """A rotation replaces it, too."""

    @pytest.fixture
    def config_values(self) -> dict[str, Any]:
        return {"secret_key": ""}

    def test_a_rotation_replaces_it_while_other_processes_run(
        self, rotate: Rotate, save: Save, state: AppState, other: AppState
    ) -> None:
        old = state.config.secret_keys
        save("kept")
        for _ in range(2):
            assert rotate().complete
            assert passwords(other) == ["kept"]
        assert len(state.config.secret_keys) == 1
        assert old != state.config.secret_keys

    def test_the_file_is_readable_only_by_its_owner(self, rotate: Rotate, state: AppState) -> None:
        rotate()
        file = state.config.secret_key_file
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [path.name for path in file.parent.glob("secret-key*")] == ["secret-key"]

    def test_concurrent_rotations_leave_one_that_opens_everything(
        self, rotate: Rotate, save: Save, state: AppState, start: Start
    ) -> None:
        save("kept")
        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(lambda _: rotate(), range(4)))
        assert all(outcome.complete for outcome in outcomes)
        assert len(state.config.secret_keys) == 1
        assert passwords(started(start)) == ["kept"]

    def test_a_process_that_reads_while_the_file_is_replaced_gets_the_new_keys(
        self, monkeypatch: pytest.MonkeyPatch, rotate: Rotate, save: Save, other: AppState
    ) -> None:
        read = ring.read

        def late(session: Session, secret_keys: Sequence[str]) -> Keys:
            monkeypatch.setattr(ring, "read", read)
            rotate()
            return read(session, secret_keys)

        save("kept")
        monkeypatch.setattr(ring, "read", late)
        other.keyring.refresh()
        assert passwords(other) == ["kept"]

    @pytest.mark.parametrize("phase", ["_add", "_write", "_wrapped", "_reseal", "_reseal_row", "_examine", "_retire"])
    def test_after_an_interrupted_rotation_the_file_opens_everything(
        self, monkeypatch: pytest.MonkeyPatch, rotate: Rotate, save: Save, state: AppState, start: Start, phase: str
    ) -> None:
        save("kept")
        interrupt(monkeypatch, rotate, phase)
        assert passwords(started(start)) == ["kept"]
        assert rotate().complete
        assert (passwords(state), len(state.config.secret_keys)) == (["kept"], 1)


class TestGivenSecretKey:
    """The operator changes it; a rotation brings all keys under the first one given."""

    NEW = "the new secret key of the tests"

    def test_after_a_rotation_the_previous_one_is_not_needed(
        self, rotate: Rotate, save: Save, state: AppState, start: Start
    ) -> None:
        save("kept")
        rotate()
        assert rotate(started(start, secret_key=f"{self.NEW}, {state.config.secret_key}")).complete
        assert passwords(started(start, secret_key=self.NEW)) == ["kept"]

    def test_a_running_process_rereads_its_file(
        self, rotate: Rotate, state: AppState, start: Start, tmp_path: Path
    ) -> None:
        rotate()
        file = tmp_path / "key"
        file.write_text(state.config.secret_key)
        running = started(start, secret_key="", secret_key_file=file)
        file.write_text(f"{self.NEW},{state.config.secret_key}\n")
        assert rotate(started(start, secret_key="", secret_key_file=file)).complete
        later = started(start, secret_key=self.NEW)
        save_sealed(later.database, later.sealer.seal("later", PURPOSE))
        assert passwords(running) == ["later"]


class TestLostSecretKey:
    """Without it nothing is sealed, as no other process could open it."""

    @pytest.fixture
    def without(self, rotate: Rotate, save: Save, start: Start) -> AppState:
        save("gone")
        rotate()
        return started(start, secret_key="not the secret key of the tests")

    def test_nothing_is_sealed(self, rotate: Rotate, without: AppState) -> None:
        with pytest.raises(SecretKeyMissing, match="MAILROOM_SECRET_KEY"):
            without.sealer.seal("typed", PURPOSE)
        with pytest.raises(SecretKeyMissing):
            rotate(without)

    def test_nothing_sealed_elsewhere_is_saved(self, without: AppState, state: AppState) -> None:
        with pytest.raises(SecretKeyMissing):
            save_sealed(without.database, state.sealer.seal("typed", PURPOSE), position=1)

    def test_its_keys_can_be_deleted(self, rotate: Rotate, without: AppState) -> None:
        assert rotation.forget_lost_keys(without.database, without.config) == 2
        outcome = rotate(without)
        assert (outcome.complete, len(outcome.lost)) == (False, 1)
        assert without.sealer.open(without.sealer.seal("typed", PURPOSE), PURPOSE) == "typed"
