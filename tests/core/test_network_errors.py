"""Exceptions of the network as codes, and their wording."""

import errno
import socket
import ssl

import pytest

from webapp.core.network_errors import NameServiceTimeout, NetworkError, classify, describe


def certificate_error(verify_code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = verify_code
    return error


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


CODES = [
    (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "connection_refused"),
    (OSError(errno.ENETUNREACH, "Network is unreachable"), "network_unreachable"),
    (OSError(errno.EHOSTUNREACH, "No route to host"), "network_unreachable"),
    (OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), "network_unreachable"),
    (OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol"), "network_unreachable"),
    (ConnectionResetError("Connection unexpectedly closed"), "connection_closed"),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), "connection_closed"),
    (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "connection_closed"),
    (ConnectionAbortedError(errno.ECONNABORTED, "Software caused connection abort"), "connection_closed"),
    (PermissionError(errno.EPERM, "Operation not permitted"), "connection_blocked"),
    (TimeoutError("timed out"), "timeout"),
    (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "host_not_found"),
    (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "name_service_unavailable"),
    (UnicodeError("label too long"), "host_invalid"),
    (certificate_error(10), "certificate_expired"),
    (certificate_error(18), "certificate_self_signed"),
    (certificate_error(62), "certificate_other_name"),
    (certificate_error(7), "certificate_invalid"),
    (tls_error("WRONG_VERSION_NUMBER"), "tls_not_offered"),
    (tls_error("TLSV1_ALERT_PROTOCOL_VERSION"), "tls_version"),
    (tls_error("DH_KEY_TOO_SMALL"), "tls_outdated"),
    (tls_error("NO_PROTOCOLS_AVAILABLE"), "tls_version"),
    (tls_error("TLSV1_UNRECOGNIZED_NAME"), "tls_unknown_name"),
    (tls_error("DECRYPTION_FAILED"), "tls_failed"),
    (OSError(errno.EIO, "Input/output error"), ""),
]


@pytest.mark.parametrize(("error", "code"), CODES)
def test_an_exception_has_a_code_and_keeps_its_own_text(error: Exception, code: str) -> None:
    assert classify(error) == (code, {"error": str(error)})


def test_an_error_of_mailrooms_own_keeps_its_code_and_parameters() -> None:
    error = NameServiceTimeout("name_service_timeout", seconds="5")
    assert isinstance(error, TimeoutError)
    assert classify(error) == ("name_service_timeout", {"seconds": "5"})


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NetworkError("proxy_refused", answer="407 No"), "The proxy replied 407 No"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "[Errno 111] Connection refused"),
        (OSError(), "OSError"),
    ],
)
def test_a_failure_is_described_by_its_wording_or_by_the_systems_text(error: OSError, text: str) -> None:
    assert describe(*classify(error)) == text
