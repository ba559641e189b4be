"""Activation and reset, below the pages."""

from datetime import timedelta
from functools import partial

import pytest
import time_machine
from sqlalchemy import select

from tests.accounts.conftest import CLIENT, NEW_PASSWORD, NewLink, Queued, SignedIn, run_at_once, set_state, sign_in
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled, AlreadyActive
from webapp.accounts.models import Link, LinkPurpose, User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import service as sessions
from webapp.accounts.sessions.login import LoginRefused
from webapp.core import clock
from webapp.core.app_state import AppState


class TestActivation:
    """Choosing the first password."""

    def test_it_activates_the_account_and_enqueues_an_email(
        self, state: AppState, pat: User, new_link: NewLink, queued: Queued
    ) -> None:
        secret = new_link(pat, LinkPurpose.ACTIVATION)
        with state.database.transaction() as session:
            user = password_links.activate(session, secret, hashing.hash_password(NEW_PASSWORD))
        assert (user.state, user.activated_at) == (UserState.ACTIVE, user.password_changed_at)
        assert queued() == [("activated", pat.email)]
        assert sign_in(state, pat.email, NEW_PASSWORD)

    def test_of_simultaneous_activations_with_several_links_one_succeeds(
        self, state: AppState, pat: User, new_link: NewLink
    ) -> None:
        secrets = [new_link(pat, LinkPurpose.ACTIVATION) for _ in range(6)]

        def use(secret: str) -> User:
            with state.database.transaction() as session:
                return password_links.activate(session, secret, hashing.hash_password(secret))

        ends = run_at_once([partial(use, secret) for secret in secrets])
        assert sorted(type(end).__name__ for end in ends) == ["LinkRevoked"] * 5 + ["User"]

    @pytest.mark.parametrize(
        ("user_state", "failure"), [(UserState.ACTIVE, AlreadyActive), (UserState.DISABLED, AccountDisabled)]
    )
    def test_only_pending_accounts_can_be_activated(
        self, state: AppState, pat: User, new_link: NewLink, user_state: UserState, failure: type[Exception]
    ) -> None:
        secret = new_link(pat, LinkPurpose.ACTIVATION)
        set_state(state.database, pat, user_state)
        with pytest.raises(failure), state.database.transaction() as session:
            password_links.activate(session, secret, hashing.hash_password(NEW_PASSWORD))
        with state.database.read() as session:
            assert links.find(session, secret, LinkPurpose.ACTIVATION).used_at is None

    def test_a_renewed_activation_is_emailed_once_in_five_minutes(
        self, state: AppState, pat: User, new_link: NewLink, queued: Queued
    ) -> None:
        secret = new_link(pat, LinkPurpose.ACTIVATION, timedelta(hours=-1))
        for later in (0, 4, 6):
            with time_machine.travel(clock.now() + timedelta(minutes=later)), state.database.transaction() as session:
                password_links.renew_activation(session, secret)
        assert queued() == [("activation", pat.email)] * 2

    def test_only_pending_accounts_get_a_renewed_activation(
        self, state: AppState, pat: User, new_link: NewLink, queued: Queued
    ) -> None:
        secret = new_link(pat, LinkPurpose.ACTIVATION)
        set_state(state.database, pat, UserState.ACTIVE)
        with state.database.transaction() as session:
            password_links.renew_activation(session, secret)
            password_links.renew_activation(session, "no such secret")
        assert queued() == []


class TestReset:
    """Replacing a forgotten password."""

    def test_an_address_gets_one_email_in_five_minutes(self, state: AppState, queued: Queued) -> None:
        for later in (0, 4, 6):
            with time_machine.travel(clock.now() + timedelta(minutes=later)), state.database.transaction() as session:
                password_links.request_reset(session, "Ada@example.com", CLIENT)
        assert len(queued()) == 2

    def test_it_signs_the_user_out_everywhere_and_revokes_other_links(
        self, state: AppState, ada: User, new_link: NewLink, signed_in: SignedIn, queued: Queued
    ) -> None:
        token, other, secret = signed_in(ada), new_link(ada, LinkPurpose.RESET), new_link(ada, LinkPurpose.RESET)
        with state.database.transaction() as session:
            password_links.complete_reset(session, secret, hashing.hash_password(NEW_PASSWORD))
        assert sessions.find(state.database, token) is None
        with state.database.read() as session:
            assert links.find(session, other, LinkPurpose.RESET).revoked_at is not None
        assert queued() == [("password_changed", ada.email)]
        with pytest.raises(LoginRefused):
            sign_in(state, ada.email)

    def test_a_disabled_user_cannot_reset_the_password(self, state: AppState, ada: User, new_link: NewLink) -> None:
        secret = new_link(ada, LinkPurpose.RESET)
        set_state(state.database, ada, UserState.DISABLED)
        with pytest.raises(AccountDisabled), state.database.transaction() as session:
            password_links.complete_reset(session, secret, hashing.hash_password(NEW_PASSWORD))
        with state.database.read() as session:
            assert session.scalars(select(Link)).one().used_at is None
