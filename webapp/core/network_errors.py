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
    2: "certificate_unknown_issuer",
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    18: "certificate_self_signed",
    19: "certificate_private_authority",
    20: "certificate_unknown_issuer",
    21: "certificate_unknown_issuer",
    62: "certificate_other_name",
    64: "certificate_not_for_ip_address",
    # Of VERIFY_X509_STRICT.
    85: "certificate_without_issuer_key",
    86: "certificate_authority_incomplete",
    89: "certificate_authority_incomplete",
    92: "certificate_authority_incomplete",
    **dict.fromkeys((78, 79, 80, 81, 82, 83, 84, 87, 88, 90, 91, 93, 94), "certificate_breaks_rule"),
}
OTHER_HOST = ("certificate_other_name", "certificate_not_for_ip_address")
_TLS_CODES = {
    "WRONG_VERSION_NUMBER": "tls_not_offered",
    "RECORD_LAYER_FAILURE": "tls_not_offered",
    "UNSUPPORTED_PROTOCOL": "tls_version",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls_version",
    "NO_PROTOCOLS_AVAILABLE": "tls_version",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "tls_refused",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "tls_refused",
    "TLSV1_UNRECOGNIZED_NAME": "tls_unknown_name",
    "TLSV1_ALERT_INTERNAL_ERROR": "tls_server_error",
    # Something else than TLS replied.
    "HTTP_REQUEST": "tls_not_offered",
    "UNKNOWN_PROTOCOL": "tls_not_offered",
    "PACKET_LENGTH_TOO_LONG": "tls_not_offered",
    # What OpenSSL no longer takes for secure.
    **dict.fromkeys(
        (
            "DH_KEY_TOO_SMALL",
            "EE_KEY_TOO_SMALL",
            "CA_KEY_TOO_SMALL",
            "CA_MD_TOO_WEAK",
            "BAD_DH_VALUE",
            "NO_SHARED_CIPHER",
            "NO_CIPHERS_AVAILABLE",
            "NO_SUITABLE_SIGNATURE_ALGORITHM",
            "WRONG_SIGNATURE_TYPE",
            "WRONG_CIPHER_RETURNED",
            "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
        ),
        "tls_outdated",
    ),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "client_certificate_required",
    # What the other end says of ours.
    **dict.fromkeys(
        (
            "TLSV1_ALERT_UNKNOWN_CA",
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "SSLV3_ALERT_CERTIFICATE_EXPIRED",
            "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
            "SSLV3_ALERT_CERTIFICATE_REVOKED",
            "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        ),
        "client_certificate_rejected",
    ),
}
# This machine has no route to an address. Of IPv6, containers often lack the address or all of it.
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_ERRNO_CODES = {
    errno.ECONNREFUSED: "connection_refused",
    errno.ETIMEDOUT: "timeout",
    errno.ECONNABORTED: "connection_closed",
    errno.ENETRESET: "connection_closed",
    errno.ENETDOWN: "network_unreachable",
    errno.EHOSTDOWN: "network_unreachable",
    # A firewall of this machine.
    errno.EPERM: "connection_blocked",
    errno.EACCES: "connection_blocked",
    **dict.fromkeys(NO_ROUTE, "network_unreachable"),
}
_UNKNOWN_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
# What is wrong with a certificate, by code.
CERTIFICATES = {
    "certificate_private_authority": _(
        "The server's certificate was issued by a certificate authority that this machine "
        "doesn't trust, such as a company's own."
    ),
    "certificate_self_signed": _("The server uses a self-signed certificate, which this machine does not trust."),
    "certificate_unknown_issuer": _("This machine doesn't know the issuer of the server's certificate."),
    "certificate_expired": _("The server's certificate has expired, or this machine's clock is wrong."),
    "certificate_not_yet_valid": _(
        "The server's certificate isn't valid yet. This machine's clock is probably behind."
    ),
    "certificate_other_name": _("The server's certificate is for a different host name than the one you entered."),
    "certificate_not_for_ip_address": _("You entered an IP address, but the certificate is for a host name."),
    "certificate_without_issuer_key": _(
        "The server's certificate doesn't name the key of its issuer, which RFC 5280 requires: %(reason)s."
    ),
    "certificate_authority_incomplete": _(
        "The certificate of the server's certificate authority lacks what RFC 5280 requires: %(reason)s."
    ),
    "certificate_breaks_rule": _(
        "The server's certificate, or that of its certificate authority, breaks a rule of RFC 5280: %(reason)s."
    ),
    "certificate_changed": _(
        "The server shows another certificate than the pinned one. Pinned: %(pinned)s. Shown: %(presented)s."
    ),
    "certificate_invalid": _("This machine rejects the server's certificate: %(reason)s."),
}
_HOSTS = _("The certificate is for %(names)s.")
PRIVATE_HOST = _("This host has a private address, and this installation connects only to hosts on the internet.")
# Failures that only Mailroom has words for.
_TEXTS = {
    "name_service_timeout": _("The name service didn't reply within %(seconds)s s."),
    "private_host": PRIVATE_HOST,
    "port_not_allowed": _("This installation connects to mail servers only on ports %(ports)s."),
    "proxy_not_http": _("The proxy's reply is not HTTP: %(error)s"),
    "proxy_refused": _("The proxy replied %(answer)s"),
    "response_missing": _("The connection was closed without a reply."),
    "response_not_http": _("The reply is not HTTP."),
    "stopped": _("The check was canceled."),
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


class PrivateHost(NetworkError):
    """The host isn't on the internet, and this installation connects to no others."""


class ProxyError(NetworkError):
    """The proxy replied but does not connect us."""


def classify(error: BaseException) -> tuple[str, dict[str, str]]:
    """Return the code and the parameters of an exception; the code is empty if nothing is known of it."""
    if isinstance(error, NetworkError):
        return error.code, dict(error.params)
    params = {"error": str(error) or type(error).__name__}
    # In OpenSSL's words; only errors of a handshake have it.
    if reason := getattr(error, "verify_message", ""):
        params["reason"] = reason.rstrip(".")
    return _code(error), params


def describe(code: str, params: Params) -> str:
    """Word a failure in the reader's language."""
    if code in _TEXTS:
        return str(_TEXTS[code]) % i18n.isolate(params)
    return params.get("error") or describe_certificate(code, params) or code


def describe_certificate(code: str, params: Params) -> str:
    """Word what is wrong with a certificate; empty if the failure is another one."""
    if code not in CERTIFICATES:
        return ""
    # Failures that were stored by an earlier version have no reason.
    shown = i18n.isolate({"reason": params.get("error", code), "pinned": "", "presented": "", **params})
    problem = str(CERTIFICATES[code]) % shown
    return f"{problem} {_HOSTS % shown}" if params.get("names") else problem


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
