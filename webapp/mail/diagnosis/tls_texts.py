"""What it means that TLS couldn't be set up, for every provider."""

from flask_babel import lazy_gettext as _

from webapp.providers import Diagnosis

CHECK_ADDRESS = _("Check the host and port.")
CHECK_PORT = _("Check that the security suits the port: usually STARTTLS with 587, 25 or 2525, and TLS with 465.")
TLS_FAILED = Diagnosis(
    _("The connection failed while TLS was being set up."),
    [
        CHECK_PORT,
        _(
            "Check whether a firewall or virus scanner between this machine and the server is "
            "inspecting the connection."
        ),
    ],
)
TLS_VERSION = Diagnosis(
    _("The server and Mailroom have no TLS version in common."),
    [
        _("If the minimum TLS version is 1.3, set it to 1.2."),
        _("If the server supports only TLS 1.0 or 1.1, upgrade it: those versions are no longer secure."),
    ],
    fix={"tls_minimum": "1.2"},
)
TLS_REFUSED = Diagnosis(
    _("The server refused to set up TLS. It may require a client certificate, or ciphers that are no longer secure."),
    [
        _("If the server requires a client certificate, enter it under Advanced, Certificates."),
        _("Otherwise have the server's TLS settings updated: it has no cipher in common with this machine."),
    ],
)
TLS_OUTDATED = Diagnosis(
    _("The server sets up TLS in a way that this machine no longer accepts as secure. The error is below."),
    [
        _("If it's your own server, update it and its TLS settings: keys of at least 2048 bits, current ciphers."),
        _("If it isn't, send its administrator the error below, or ask for another host name or port."),
    ],
)
TLS_UNKNOWN_NAME = Diagnosis(
    _("The server doesn't know the host name that you entered, so it doesn't set up TLS."),
    [CHECK_ADDRESS, _("If it's your own server, set up this host name and its certificate there.")],
)
TLS_SERVER_ERROR = Diagnosis(
    _("The server reported an error of its own while TLS was being set up."),
    [
        _("If it's your own server, see its log. Often its certificate or key is missing or can't be read."),
        _("If it isn't, send its administrator the error below."),
    ],
)
CLIENT_CERTIFICATE_REQUIRED = Diagnosis(
    _("The server requires a client certificate (mutual TLS)."),
    [
        _("Ask the server's administrator for a certificate with its key, as PEM."),
        _("Enter it under Advanced, Certificates."),
    ],
)
CLIENT_CERTIFICATE_REJECTED = Diagnosis(
    _("The server rejected the client certificate."),
    [
        _("Check that it was issued for this server, has not expired, and comes with its chain."),
        _("If it's right, send the server's administrator the error below."),
    ],
)
