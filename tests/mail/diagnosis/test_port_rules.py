"""A failed test names no cause that it has just tried without success."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.mail.page import PAGE, custom
from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.scripted import ScriptedServer
from webapp.mail.diagnosis import port_rules, smtp_rules
from webapp.providers import Diagnosis, Failure

pytestmark = pytest.mark.one_database
Explain = Callable[..., str]
SILENT: dict[str, Any] = {"stall_at": "GREETING"}
NO_ACCOUNTS: dict[str, Any] = {"mechanisms": ""}


@pytest.fixture
def explain(administrator: Browser) -> Explain:
    """Test a server that can't be used; the result."""

    def explain(port: int, security: str) -> str:
        fields = custom(host="localhost", port=port, security=security, timeout="1")
        page = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields)
        return page.text.partition("<dialog")[2].partition("</dialog>")[0].replace("&#39;", "'")

    return explain


@pytest.fixture
def web_server() -> Iterator[int]:
    """The port of a web server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(
    ("behaviour", "security", "diagnosis"),
    [
        ({}, "tls", port_rules.NO_ENCRYPTION),
        ({}, "starttls", port_rules.NO_ENCRYPTION),
        (SILENT, "tls", port_rules.NO_MAIL_SERVER),
        (SILENT, "none", port_rules.NO_MAIL_SERVER),
        (SILENT | {"tls": "tls"}, "tls", port_rules.NO_MAIL_SERVER),
        (NO_ACCOUNTS, "none", port_rules.NO_AUTHENTICATION),
        (NO_ACCOUNTS | {"tls": "starttls"}, "none", port_rules.NO_AUTHENTICATION),
        (NO_ACCOUNTS | {"tls": "starttls"}, "tls", port_rules.NO_AUTHENTICATION),
    ],
)
def test_the_cause_is_what_the_port_was_seen_to_do(
    behaviour: dict[str, Any],
    security: str,
    diagnosis: Diagnosis,
    explain: Explain,
    scripted: Callable[..., ScriptedServer],
) -> None:
    assert f"<strong>{diagnosis.cause}</strong>" in explain(scripted(**behaviour).port, security)


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_web_server_is_not_said_to_expect_another_security(security: str, explain: Explain, web_server: int) -> None:
    result = explain(web_server, security)
    assert str(port_rules.NO_MAIL_SERVER.cause) in result
    assert "Set Security" not in result


@pytest.mark.parametrize(
    ("speaks", "chosen", "cause"),
    [("starttls", "tls", smtp_rules.STARTTLS_PORT.cause), ("tls", "starttls", smtp_rules.TLS_PORT.cause)],
)
def test_a_security_that_only_lacks_a_trusted_certificate_is_still_the_right_one(
    speaks: Any, chosen: str, cause: str, explain: Explain
) -> None:
    with ScriptedServer(tls=speaks, certificate=Authority().server()) as server:
        result = explain(server.port, chosen)
        assert str(cause) in result


def test_where_no_mail_port_can_be_connected_to_the_cause_is_not_one_port() -> None:
    swallowed, refused = Failure("connect", "timeout"), Failure("connect", "connection_refused")
    supposed = smtp_rules.CONNECTION_TIMEOUT
    cases: list[tuple[list[Failure | None], Diagnosis]] = [
        ([swallowed] * 6, port_rules.PORTS_SWALLOWED), ([swallowed, refused], port_rules.PORTS_CLOSED),
        ([refused, Failure("greeting", "timeout")], supposed), ([refused, None], supposed), ([], supposed),
    ]  # fmt: skip
    for others, expected in cases:
        assert port_rules.diagnose_ports(supposed, swallowed, others) is expected
