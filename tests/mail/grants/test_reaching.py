"""How providers are reached: through the mail server's proxy, if it has one."""

import pytest

from tests.support.authorization import AuthorizationServer
from tests.support.grants import GrantOwner
from tests.support.proxies import ACCOUNT, HttpProxy, Proxy, SocksProxy
from webapp import https, proxies
from webapp.https import BadAnswer

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(("kind", "proxy"), [("http", HttpProxy), ("socks5", SocksProxy)])
def test_tokens_are_asked_for_through_the_mail_servers_proxy(
    owner: GrantOwner, provider: AuthorizationServer, kind: str, proxy: type[Proxy]
) -> None:
    with proxy(ACCOUNT) as running:
        where = {"proxy_type": kind, "proxy_host": running.host, "proxy_port": running.port}
        name, password = ACCOUNT
        owner.save(**where, proxy_username=name, secrets={"proxy_password": password})
        assert owner.tokens.registration.proxy == proxies.Proxy(kind, running.host, running.port, name, password)
        owner.sign_in()
    assert f"http://{running.targets[0]}" == provider.url


def test_a_server_that_hangs_up_gave_no_answer(provider: AuthorizationServer) -> None:
    provider.misbehave("drop")
    with pytest.raises(BadAnswer, match="closed without an answer"):
        https.post(f"{provider.url}/token", {}, b"")
