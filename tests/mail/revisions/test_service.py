"""What is recorded of each change that takes effect."""

import pytest

from tests.mail.revisions.conftest import revisions_of
from tests.support.authorization import SCOPE
from tests.support.grants import GrantOwner
from webapp.mail import servers
from webapp.mail.revisions import comparison
from webapp.mail.revisions import service as revisions

BY_PASSWORD = {"authentication": "password"}


def test_a_change_that_is_put_to_use_is_a_revision(owner: GrantOwner) -> None:
    owner.save(**BY_PASSWORD, secrets={"password": "first"})
    owner.save(**BY_PASSWORD, secrets={"password": "second"}, host="smtp.other.example", port=465)
    owner.save(**BY_PASSWORD, secrets={}, host="smtp.other.example", port=465)
    first, second = revisions_of(owner)
    assert (second.number, second.created_by, second.changed) == (
        2, "owner@mailroom.example", ["host", "password", "port"],
    )  # fmt: skip
    assert servers.open_secrets(owner.state.sealer, first) == {"password": "first"}
    assert revisions.to_values(second).items() <= owner.server.values.items()


def test_a_draft_is_a_revision_once_it_is_used_and_the_former_one_keeps_its_tokens(granted: GrantOwner) -> None:
    refresh_token = granted.grant.sealed_refresh_token
    fewer = {"scopes": f"{SCOPE} offline_access"}
    granted.save(**fewer)
    assert revisions_of(granted) == []
    granted.authorize()
    granted.save(**fewer, secrets={"client_secret": ""})
    first, second = revisions_of(granted)
    assert first.sealed_tokens["sealed_refresh_token"] == {"sealed": refresh_token}
    assert (second.number, second.changed, second.grant) == (2, ["scopes"], {})


def test_the_newest_revisions_are_kept(owner: GrantOwner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "KEPT", 2)
    for port in (25, 465, 587):
        owner.save(authentication="none", port=port)
    assert [one.number for one in revisions_of(owner)] == [2, 3]


@pytest.mark.one_database
def test_secrets_are_only_compared(owner: GrantOwner) -> None:
    for host in ("a.example", "b.example", "c.example"):
        password = "changed" if host == "c.example" else "as before"
        owner.save(**BY_PASSWORD, secrets={"password": password}, host=host)
    first, second, third = revisions_of(owner)
    sealer = owner.state.sealer
    assert [one.name for one in comparison.compare(sealer, first, second) if one.differs] == ["host"]
    *_others, password_of_both = comparison.compare(sealer, second, third)
    assert (password_of_both.name, password_of_both.differs, password_of_both.after) == ("password", True, True)
