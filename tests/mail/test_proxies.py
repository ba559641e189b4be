"""Sending through proxies."""

from collections.abc import Callable

import pytest

from tests.mail.conftest import opened, signing_in, stages
from tests.support.proxies import ACCOUNT, HttpProxy, Proxy, SocksProxy
from tests.support.scripted import ScriptedServer
from webapp import proxies
from webapp.mail.conversation import Stage
from webapp.mail.transport import DeliveryError, MailConnection, OpenedServer

pytestmark = pytest.mark.one_database

Scripted = Callable[..., ScriptedServer]
KINDS = [("http", HttpProxy), ("socks5", SocksProxy)]


@pytest.mark.parametrize(("kind", "proxy"), KINDS)
@pytest.mark.parametrize("account", [None, ACCOUNT])
def test_the_message_goes_through_the_proxy(
    kind: str, proxy: type[Proxy], account: tuple[str, str] | None, scripted: Scripted,
    send: Callable[[OpenedServer], MailConnection],
) -> None:  # fmt: skip
    server = scripted(tls="starttls")
    with proxy(account) as running:
        through = proxies.Proxy(kind, running.host, running.port, *(account or ()))
        connection = send(signing_in(server, security="starttls", proxy=through))
    assert running.targets == [f"localhost:{server.port}"]
    assert stages(connection)[0] is Stage.PROXY
    assert len(server.messages) == 1


@pytest.mark.parametrize(("kind", "proxy"), KINDS)
def test_a_proxy_that_refuses_the_account_is_told_apart(
    kind: str, proxy: type[Proxy], failing: Callable[[OpenedServer], DeliveryError]
) -> None:
    with proxy(ACCOUNT) as running:
        error = failing(opened(proxy=proxies.Proxy(kind, running.host, running.port, "proxy-user", "wrong-wrong")))
    assert error.stage is Stage.PROXY
    assert "wrong-wrong" not in error.words


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_proxy_that_is_a_mail_server_ends_in_time(
    kind: str, scripted: Scripted, failing: Callable[[OpenedServer], DeliveryError]
) -> None:
    server = scripted()
    error = failing(opened(proxy=proxies.Proxy(kind, server.host, server.port), timeout=1))
    assert error.stage is Stage.PROXY


def test_what_a_proxy_says_before_tls_is_not_taken_for_the_server(
    scripted: Scripted, failing: Callable[[OpenedServer], DeliveryError]
) -> None:
    server = scripted()
    with HttpProxy() as running:
        error = failing(opened(server, security="tls", proxy=proxies.Proxy("http", running.host, running.port)))
    assert (error.stage, error.error) == (Stage.TLS, "The server began in plain text, not in TLS.")
