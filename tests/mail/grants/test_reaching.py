"""How providers are reached: through the mail server's proxy, if it has one."""

from collections.abc import Iterator

import pytest

from tests.support.authorization import AuthorizationServer, running_provider
from tests.support.certificates import Authority
from tests.support.grants import GrantOwner
from tests.support.proxies import ACCOUNT, HttpProxy, Proxy, SocksProxy
from webapp.core import http_client, sockets
from webapp.core.app_state import AppState
from webapp.core.http_client import InvalidResponse

pytestmark = pytest.mark.one_database


@pytest.fixture
def abroad(authority: Authority) -> Iterator[AuthorizationServer]:
    """A provider with a certificate, as all have that are not on this machine."""
    with running_provider(authority.server()) as provider:
        yield provider


def proxied(parts: AppState, provider: AuthorizationServer, running: Proxy) -> GrantOwner:
    """An administrator whose mail server is behind a proxy."""
    owner = GrantOwner.of(parts, provider)
    kind = "socks5" if isinstance(running, SocksProxy) else "http"
    name, password = ACCOUNT
    where = {"proxy_type": kind, "proxy_host": running.host, "proxy_port": running.port}
    owner.save(**where, proxy_username=name, secrets={"proxy_password": password})
    assert owner.tokens.registration.proxy == sockets.Proxy(kind, running.host, running.port, name, password)
    return owner


@pytest.mark.parametrize("proxy", [HttpProxy, SocksProxy])
def test_tokens_are_asked_for_through_the_mail_servers_proxy(
    parts: AppState, abroad: AuthorizationServer, proxy: type[Proxy]
) -> None:
    with proxy(ACCOUNT) as running:
        proxied(parts, abroad, running).sign_in()
    assert f"https://{running.targets[0]}" == abroad.url


def test_a_proxy_reads_no_secret_that_is_for_this_machine(parts: AppState, provider: AuthorizationServer) -> None:
    with HttpProxy(ACCOUNT) as running:
        proxied(parts, provider, running).sign_in()
    assert running.targets == []


def test_a_server_that_hangs_up_gave_no_answer(provider: AuthorizationServer) -> None:
    provider.misbehave("drop")
    with pytest.raises(InvalidResponse, match="response_missing"):
        http_client.post(f"{provider.url}/token", {}, b"")
