"""What can go wrong between two machines, as codes that are stored, and their wording.

A failure is a code and parameters for its wording. Where the operating system or a library has
described it already, that text is the parameter `error`.
"""

import errno
import socket
import ssl
from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from webapp.core import i18n

Params = Mapping[str, str]

# OpenSSL's X509_V_ERR_ numbers.
_CERTIFICATE_CODES = {
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    18: "certificate_self_signed",
    19: "certificate_private_authority",
    20: "certificate_unknown_issuer",
    21: "certificate_unknown_issuer",
    62: "certificate_other_name",
    64: "certificate_not_for_ip_address",
}
_TLS_CODES = {
    "WRONG_VERSION_NUMBER": "tls_not_offered",
    "RECORD_LAYER_FAILURE": "tls_not_offered",
    "UNSUPPORTED_PROTOCOL": "tls_version",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls_version",
    "NO_PROTOCOLS_AVAILABLE": "tls_version",
}
_ERRNO_CODES = {
    errno.ECONNREFUSED: "connection_refused",
    errno.ENETUNREACH: "network_unreachable",
    errno.EHOSTUNREACH: "network_unreachable",
    errno.ETIMEDOUT: "timeout",
}
_UNKNOWN_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
# Failures that only Mailroom has words for.
_TEXTS = {
    "name_service_timeout": _("The name service didn't reply within %(seconds)s s."),
    "proxy_not_http": _("The proxy's reply is not HTTP: %(error)s"),
    "proxy_refused": _("The proxy replied %(answer)s"),
    "response_missing": _("The connection was closed without a reply."),
    "response_not_http": _("The reply is not HTTP."),
    "response_too_large": _("The reply is longer than %(limit)s bytes."),
}


class NetworkError(OSError):
    """A failure for which the system has no exception; `code` and `params` describe it."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(params.get("error") or code)
        self.code = code
        self.params = params


class NameServiceTimeout(NetworkError, TimeoutError):
    """The name service did not reply in time."""


class ProxyError(NetworkError):
    """The proxy replied but does not connect us."""


def classify(error: BaseException) -> tuple[str, dict[str, str]]:
    """Return the code and the parameters of an exception; the code is empty if nothing is known of it."""
    if isinstance(error, NetworkError):
        return error.code, dict(error.params)
    return _code(error), {"error": str(error) or type(error).__name__}


def describe(code: str, params: Params) -> str:
    """Word a failure in the reader's language."""
    if code in _TEXTS:
        return str(_TEXTS[code]) % i18n.isolate(params)
    return params.get("error") or code


def _code(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE_CODES.get(error.verify_code, "certificate_invalid")
    if isinstance(error, ConnectionResetError | BrokenPipeError | ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "connection_closed"
    if isinstance(error, ssl.SSLError):
        return _TLS_CODES.get(str(error.reason).upper(), "tls_failed")
    if isinstance(error, socket.gaierror):
        return "host_not_found" if error.errno in _UNKNOWN_HOST else "name_service_unavailable"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, OSError):
        return _ERRNO_CODES.get(error.errno or 0, "")
    return "host_invalid" if isinstance(error, UnicodeError) else ""
