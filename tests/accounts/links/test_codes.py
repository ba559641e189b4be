"""Codes: as valid as their links, bound to a user, and hard to guess."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, text

from tests.accounts.conftest import CLIENT, IssueLink, run_at_once
from webapp.accounts import audit_events
from webapp.accounts.links import codes
from webapp.accounts.links.codes import ALPHABET, RedeemedCode
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.accounts.password_links import service as password_links
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.sealing import KeySealer

WRONG = "ABCDEFGH"
EnterCode = Callable[..., RedeemedCode | None]


@pytest.fixture
def enter_code(state: AppState) -> EnterCode:
    """Redeem a code for an address."""

    def enter_code(email: str, code: str) -> RedeemedCode | None:
        with state.database.transaction() as session:
            return codes.redeem(session, state.sealer, email, codes.WITH_ADDRESS, codes.normalise(code), CLIENT)

    return enter_code


def reset(state: AppState, secret: str) -> User:
    with state.database.transaction() as session:
        return password_links.complete_reset(session, secret, "a hash")


def until_somebody_waits(database: Database) -> None:
    """Wait until a transaction waits for another one's lock, on PostgreSQL."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(1000):
            if connection.scalar(waiting):
                return
            time.sleep(0.01)
    pytest.fail("No transaction is waiting.")


@pytest.mark.one_database
class TestNormalising:
    """What is accepted as a code."""

    @pytest.mark.parametrize(
        "typed",
        ["01AB-CDEF", "01abcdef", " o1 ab – cd ef ", "OLAB\u2011CDEF", "0IABCDEF", "٠١ABCDEF", "０１ＡＢＣＤＥＦ"],
    )
    def test_case_dashes_and_lookalikes_do_not_matter(self, typed: str) -> None:
        assert codes.normalise(typed) == "01ABCDEF"

    @pytest.mark.parametrize("typed", ["", "ABCDEFG", "ABCDEFGHJ", "ABCDEFGU", "ÄBCDEFGH", "ABCD_EF.H"])
    def test_anything_else_is_no_code(self, typed: str) -> None:
        assert codes.normalise(typed) == ""

    def test_codes_are_random_and_start_with_no_number(self) -> None:
        made = [codes.generate() for _ in range(2000)]
        assert len(set(made)) == len(made)
        assert all(re.fullmatch(rf"(?!\d\d\d\d)[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code) for code in made)


class TestRedeeming:
    """A right code for the address it was sent to."""

    def test_it_does_the_same_as_the_link(
        self, state: AppState, ada: User, issue_link: IssueLink, enter_code: EnterCode
    ) -> None:
        redeemed = enter_code("ADA@example.com", issue_link(ada).code)
        assert redeemed is not None
        assert (redeemed.purpose, reset(state, redeemed.secret).id) == (LinkPurpose.RESET, ada.id)

    def test_entering_it_uses_nothing_up(
        self, ada: User, issue_link: IssueLink, enter_code: EnterCode, state: AppState
    ) -> None:
        issued = issue_link(ada)
        assert all(enter_code(ada.email, issued.code) for _ in range(2))
        assert reset(state, issued.secret).id == ada.id

    def test_it_expires_with_the_link(self, ada: User, issue_link: IssueLink, enter_code: EnterCode) -> None:
        code = issue_link(ada, lifetime=timedelta(minutes=10)).code
        with time_machine.travel(clock.now() + timedelta(minutes=9)):
            assert enter_code(ada.email, code)
        with time_machine.travel(clock.now() + timedelta(minutes=11)):
            assert enter_code(ada.email, code) is None

    def test_its_link_expires_with_the_original_one(
        self, state: AppState, ada: User, issue_link: IssueLink, enter_code: EnterCode
    ) -> None:
        enter_code(ada.email, issue_link(ada).code)
        with state.database.read() as session:
            assert len(set(session.scalars(select(Link.expires_at)))) == 1

    def test_it_is_valid_for_its_user_only(
        self, ada: User, pat: User, issue_link: IssueLink, enter_code: EnterCode
    ) -> None:
        code = issue_link(ada).code
        assert enter_code(pat.email, code) is None
        assert enter_code("nobody@example.com", code) is None

    def test_it_is_valid_for_its_purpose_only(
        self, state: AppState, ada: User, issue_link: IssueLink, enter_code: EnterCode
    ) -> None:
        assert enter_code(ada.email, issue_link(ada, LinkPurpose.CONFIRM_ADDRESS).code) is None
        code = codes.normalise(issue_link(ada, LinkPurpose.RESET).code)
        with state.database.transaction() as session:
            assert codes.redeem(session, state.sealer, ada.email, (LinkPurpose.CONFIRM_ADDRESS,), code, CLIENT) is None

    @pytest.mark.one_database
    def test_it_survives_the_rotation_of_the_key(self, state: AppState, ada: User, issue_link: IssueLink) -> None:
        code, both = codes.normalise(issue_link(ada).code), KeySealer(["a newer secret key", *state.config.secret_keys])
        with state.database.transaction() as session:
            assert codes.redeem(session, KeySealer(["another"]), ada.email, codes.WITH_ADDRESS, code, CLIENT) is None
            assert codes.redeem(session, both, ada.email, codes.WITH_ADDRESS, code, CLIENT)


class TestGuessing:
    """What happens after wrong codes."""

    def test_the_fifth_wrong_one_invalidates_codes_but_not_links(
        self, state: AppState, ada: User, issue_link: IssueLink, enter_code: EnterCode
    ) -> None:
        first, second = issue_link(ada), issue_link(ada)
        for _ in range(5):
            assert enter_code(ada.email, WRONG) is None
        assert enter_code(ada.email, first.code) is enter_code(ada.email, second.code) is None
        assert reset(state, second.secret).id == ada.id

    def test_a_later_code_can_be_tried_as_often(self, ada: User, issue_link: IssueLink, enter_code: EnterCode) -> None:
        for _ in range(5):
            enter_code(ada.email, WRONG)
        code = issue_link(ada).code
        assert [enter_code(ada.email, WRONG) for _ in range(4)] == [None] * 4
        assert enter_code(ada.email, code)

    def test_a_right_one_resets_the_attempts(self, ada: User, issue_link: IssueLink, enter_code: EnterCode) -> None:
        code = issue_link(ada).code
        for _ in range(3):
            assert [enter_code(ada.email, WRONG) for _ in range(4)] == [None] * 4
            assert enter_code(ada.email, code)

    def test_simultaneous_guesses_get_no_more_attempts(
        self, ada: User, issue_link: IssueLink, enter_code: EnterCode
    ) -> None:
        code = issue_link(ada).code
        run_at_once([lambda: enter_code(ada.email, WRONG)] * 8)
        assert enter_code(ada.email, code) is None

    def test_waiting_for_a_locked_account_does_not_block_others(
        self, database: Database, database_kind: str, ada: User, enter_code: EnterCode
    ) -> None:
        if database_kind == "sqlite":
            pytest.skip("SQLite's writers always wait for each other.")
        with ThreadPoolExecutor() as pool, database.transaction() as session:
            session.get(User, ada.id, with_for_update=True)
            pool.submit(enter_code, ada.email, WRONG)
            until_somebody_waits(database)
            assert pool.submit(enter_code, "bob@example.com", WRONG).result(timeout=10) is None

    def test_the_audit_log_has_the_address_and_not_the_code(
        self, state: AppState, ada: User, enter_code: EnterCode
    ) -> None:
        enter_code(ada.email, WRONG)
        enter_code("nobody@example.com", WRONG)
        with state.database.read() as session:
            found = session.scalars(
                select(AuditEntry).where(AuditEntry.event == audit_events.CODE_REJECTED.key).order_by(AuditEntry.id)
            ).all()
        assert [(one.subject_id, one.subject_email) for one in found] == [
            (ada.id, ada.email),
            (None, "nobody@example.com"),
        ]
        assert WRONG not in str([vars(one) for one in found])
