"""Providers are contacted through the mail server's proxy, if it has one."""

from collections.abc import Iterator

import pytest

from tests.support.authorization import AuthorizationServer, running_provider
from tests.support.certificates import Authority
from tests.support.grants import GrantOwner
from tests.support.proxies import ACCOUNT, HttpProxy, Proxy, SocksProxy
from webapp.core import sockets
from webapp.core.app_state import AppState

pytestmark = pytest.mark.one_database


@pytest.fixture
def remote(authority: Authority) -> Iterator[AuthorizationServer]:
    """A provider with a certificate, as if it were on another machine."""
    with running_provider(authority.server()) as provider:
        yield provider


def proxied(state: AppState, provider: AuthorizationServer, running: Proxy) -> GrantOwner:
    """An administrator whose mail server is behind a proxy."""
    owner = GrantOwner.create(state, provider)
    kind = "socks5" if isinstance(running, SocksProxy) else "http"
    name, password = ACCOUNT
    where = {"proxy_type": kind, "proxy_host": running.host, "proxy_port": running.port}
    owner.save(**where, proxy_username=name, secrets={"proxy_password": password})
    assert owner.tokens.registration.proxy == sockets.Proxy(kind, running.host, running.port, name, password)
    return owner


@pytest.mark.parametrize("proxy", [HttpProxy, SocksProxy])
def test_tokens_are_requested_through_the_mail_servers_proxy(
    state: AppState, remote: AuthorizationServer, proxy: type[Proxy]
) -> None:
    with proxy(ACCOUNT) as running:
        proxied(state, remote, running).authorize()
    assert f"https://{running.targets[0]}" == remote.url


def test_a_provider_on_this_machine_is_not_contacted_through_a_proxy(
    state: AppState, provider: AuthorizationServer
) -> None:
    with HttpProxy(ACCOUNT) as running:
        proxied(state, provider, running).authorize()
    assert running.targets == []
