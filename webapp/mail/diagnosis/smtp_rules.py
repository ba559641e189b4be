"""What failures of SMTP connections mean where no reply of the server says more, for every provider.

A provider's own rules are tried first. `reply_rules` has the replies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_babel import lazy_gettext as _

from webapp.core import network_errors
from webapp.mail.diagnosis.tls_texts import (
    CHECK_ADDRESS,
    CHECK_PORT,
    CLIENT_CERTIFICATE_REJECTED,
    CLIENT_CERTIFICATE_REQUIRED,
    TLS_FAILED,
    TLS_OUTDATED,
    TLS_REFUSED,
    TLS_SERVER_ERROR,
    TLS_UNKNOWN_NAME,
    TLS_VERSION,
)
from webapp.mail.transcript import Stage
from webapp.providers import Diagnosis, Failure


@dataclass(frozen=True)
class ErrorRule:
    """The diagnosis of a failure without a reply: by its code, stage and settings. What is empty matches anything."""

    code: str
    diagnosis: Diagnosis
    stage: Stage | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def matches(self, failure: Failure, settings: Mapping[str, str]) -> bool:
        """Return whether this rule is about this failure."""
        return (
            self.code in ("", failure.code)
            and self.stage in (None, failure.stage)
            and all(settings.get(name) == value for name, value in self.settings.items())
        )


CHECK_SERVICE = _("If it's your own server, check that the port belongs to a mail server, not a web server.")
# Servers may take minutes (RFC 5321, 4.5.3.2); some delay their greeting on purpose.
TAKE_MORE_TIME = _(
    "Otherwise the server is slow, or a firewall is holding back its reply. A check ends after 20 seconds, but emails "
    "wait for each reply as long as the timeout says: set it to 60 seconds or more."
)
TOO_MANY_ATTEMPTS = _(
    "The server may have blocked this machine after too many attempts. Wait ten minutes, then test once."
)
STARTTLS_PORT = Diagnosis(
    _("This port doesn't use TLS from the start."),
    [
        _(
            "The port probably expects STARTTLS: set Security to that, or keep TLS and use the server's port for it "
            "(usually 465)."
        ),
    ],
)
TLS_PORT = Diagnosis(
    _("The server accepted the connection but didn't reply."),
    [
        _(
            "The port probably expects TLS from the start: set Security to TLS, or use STARTTLS and the server's port "
            "for it (usually 587)."
        ),
        CHECK_SERVICE,
        TAKE_MORE_TIME,
    ],
)
NO_REPLY = Diagnosis(
    _("The server accepted the connection but didn't reply in time."),
    [CHECK_PORT, TAKE_MORE_TIME],
)
SLOW_AUTHENTICATION = Diagnosis(
    _("The server didn't reply to the sign-in in time. Many servers delay their reply after failed sign-ins."),
    [
        _(
            "Check the user name and the password: many servers take half a minute to refuse a sign-in, and a check "
            "doesn't wait that long."
        ),
        TOO_MANY_ATTEMPTS,
    ],
)
CONNECTION_CLOSED = Diagnosis(
    _("The server closed the connection without giving a reason."),
    [
        CHECK_PORT,
        TOO_MANY_ATTEMPTS,
    ],
)
NO_STARTTLS = Diagnosis(
    _("The server doesn't offer STARTTLS on this port."),
    [_("Use the port where the server offers STARTTLS (usually 587), or TLS and its port (usually 465).")],
)
STARTTLS_STRIPPED = Diagnosis(
    _("Something between this machine and the server, such as a firewall, removes the server's offer of encryption."),
    [
        _("Use TLS from the start and its port (usually 465), which such firewalls let through."),
        _("Or ask the network's administrator to turn off the inspection of SMTP (Cisco: inspect esmtp)."),
    ],
)
PLAIN_TEXT_INJECTED = Diagnosis(
    _(
        "The server kept sending plain text after agreeing to use encryption. This could be an "
        "attack, so Mailroom stopped."
    ),
    [_("Report this to the server's administrator. Mailroom won't sign in to this server.")],
)
CONNECTION_REFUSED = Diagnosis(
    _("Connection refused: nothing is listening on this port."),
    [
        CHECK_ADDRESS,
        _("If it's your own server, check that it is running and accepts connections from this machine."),
    ],
)
HOST_NOT_FOUND = Diagnosis(
    _("The host name could not be found."),
    [
        _("Check the spelling of the host name. It must not contain spaces or https://."),
        _("If it's correct, this machine can't look up host names. Check its name servers, or set a proxy."),
    ],
)
NAME_SERVICE_FAILED = Diagnosis(
    _("This machine can't look up host names at the moment."),
    [_("Check the name servers of this machine or container (/etc/resolv.conf), then test again.")],
)
INVALID_HOST = Diagnosis(
    _("The host name isn't valid."), [_("Correct the host name: it must not contain https://, double dots or spaces.")]
)
PORTS_BLOCKED = _(
    "Many hosting companies block outgoing mail ports. Ask yours, or try port 2525 if the provider offers it."
)
UNREACHABLE = Diagnosis(
    _("This machine has no network route to the host."),
    [
        PORTS_BLOCKED,
        _("If this machine has no IPv6, check that the host also has an IPv4 address."),
    ],
)
CONNECTION_TIMEOUT = Diagnosis(
    _("The connection timed out."),
    [
        _("Check the host and port. Most hosting companies block port 25: use 587 or 465."),
        PORTS_BLOCKED,
        _("A firewall is probably dropping the packets: allow outgoing connections to this host and port in it."),
    ],
)
NOT_SMTP = Diagnosis(
    _("The service on this port is not a mail server."),
    [_("Check the host and port: a web server or another service is listening there."), CHECK_PORT],
)
NO_AUTHENTICATION = Diagnosis(
    _("The server doesn't offer authentication on this connection, usually because it isn't encrypted."),
    [
        _("Set Security to STARTTLS or TLS."),
        _("If the server really accepts email without authentication, set Authentication to “No authentication”."),
    ],
)
NO_AUTHENTICATION_HERE = Diagnosis(
    _("This server offers no authentication here, although the connection is encrypted."),
    [
        _("Check the host and port: email from programs is usually accepted on port 587 or 465, not on 25."),
        _("If it's your own server, turn on authentication for this port."),
        _("If the server really accepts email without authentication, set Authentication to “No authentication”."),
    ],
)
NO_COMMON_MECHANISM = Diagnosis(
    _("The server offers only authentication methods that Mailroom doesn't support."),
    [_("Ask the server's administrator to allow PLAIN or LOGIN on this port.")],
)
PROXY_FAILED = Diagnosis(
    _("Mailroom could not connect to the mail server through the proxy."),
    [
        _("Check the proxy's host, port, user name and password."),
        _("Allow the mail server's port on the proxy. Many proxies allow only port 443."),
    ],
)
NO_SMTPUTF8 = Diagnosis(
    _("The address contains characters that this mail server doesn't support."),
    [_("Use an address with only ASCII characters for this person, or a mail server that supports SMTPUTF8.")],
)
SENDER_NEEDS_SMTPUTF8 = Diagnosis(
    _("The Mail From address contains characters that this mail server doesn't support."),
    [_("Set Mail From to an address with only ASCII characters, or use a mail server that supports SMTPUTF8.")],
)
# At these stages, some servers hang up instead of saying no.
BROKE_OFF_AT_MAIL = Diagnosis(
    _("The server broke off at the Mail From address: it didn't reply in time, or closed the connection."),
    [_("Check that the server sends for this Mail From address. Some servers hang up on others."), TAKE_MORE_TIME],
)
BROKE_OFF_AT_RCPT = Diagnosis(
    _("The server broke off at the recipient's address: it didn't reply in time, or closed the connection."),
    [_("Test with another recipient. If that works, the server has trouble with this address only."), TAKE_MORE_TIME],
)
BROKE_OFF_AT_DATA = Diagnosis(
    _("The server broke off before it had the whole message: it didn't reply in time, or closed the connection."),
    [
        _("Check whether a firewall or virus scanner between this machine and the server is inspecting email."),
        _("The server's log says why it closed the connection, if you can read it."),
        TAKE_MORE_TIME,
    ],
)
BROKE_OFF = {Stage.MAIL: BROKE_OFF_AT_MAIL, Stage.RCPT: BROKE_OFF_AT_RCPT, Stage.DATA: BROKE_OFF_AT_DATA}
BROKE_OFF_CODES = ("timeout", "connection_closed")
NO_8BITMIME = Diagnosis(
    _("The email contains 8-bit characters, and this server only takes ASCII (no 8BITMIME)."),
    [_("Have the application encode its emails as quoted-printable or base64, or use another server.")],
)
UNCONFIRMED = Diagnosis(
    _("The server got the whole message but didn't confirm it. The message may have been delivered."),
    [
        _("Check whether it has arrived before you send it again."),
        _("The server may check for spam and viruses first: set the timeout to 60 seconds or more."),
    ],
)
PLUGIN_FAILED = Diagnosis(
    _("The provider's plugin failed while signing in. Your settings are not the cause."),
    [
        _("Report this to the plugin's author. The log contains the full error."),
        _("Until the plugin is fixed, choose “Custom” as the provider and enter the server's settings."),
    ],
)

CONNECTION_BLOCKED = Diagnosis(
    _("This machine doesn't let Mailroom connect to the server, probably because of a firewall on it."),
    [_("Allow outgoing connections to this host and port in the machine's firewall, container or security settings.")],
)
PRIVATE_HOST = Diagnosis(
    network_errors.PRIVATE_HOST,
    [
        CHECK_ADDRESS,
        _("If it is your own server, ask the operator of Mailroom to allow it: MAILROOM_ALLOW_PRIVATE_HOSTS=true."),
    ],
)
PORT_NOT_ALLOWED = Diagnosis(
    _("This installation connects to mail servers only on their usual ports."),
    [_("Use port 587 with STARTTLS or 465 with TLS, or another one that is named below.")],
)

# The first match counts.
ERROR_RULES = (
    ErrorRule("private_host", PRIVATE_HOST),
    ErrorRule("port_not_allowed", PORT_NOT_ALLOWED),
    ErrorRule("tls_not_offered", STARTTLS_PORT),
    ErrorRule("tls_version", TLS_VERSION),
    ErrorRule("tls_refused", TLS_REFUSED),
    ErrorRule("tls_outdated", TLS_OUTDATED),
    ErrorRule("tls_unknown_name", TLS_UNKNOWN_NAME),
    ErrorRule("tls_server_error", TLS_SERVER_ERROR),
    ErrorRule("client_certificate_required", CLIENT_CERTIFICATE_REQUIRED),
    ErrorRule("client_certificate_rejected", CLIENT_CERTIFICATE_REJECTED),
    ErrorRule("starttls_not_offered", NO_STARTTLS),
    ErrorRule("starttls_stripped", STARTTLS_STRIPPED),
    ErrorRule("plain_text_after_starttls", PLAIN_TEXT_INJECTED),
    ErrorRule("plugin_failed", PLUGIN_FAILED),
    ErrorRule("smtputf8_not_offered", NO_SMTPUTF8),
    ErrorRule("8bitmime_not_offered", NO_8BITMIME),
    ErrorRule("sender_needs_smtputf8", SENDER_NEEDS_SMTPUTF8),
    ErrorRule("unconfirmed", UNCONFIRMED),
    *(ErrorRule(code, broke_off, stage) for stage, broke_off in BROKE_OFF.items() for code in BROKE_OFF_CODES),
    ErrorRule("no_common_mechanism", NO_COMMON_MECHANISM),
    ErrorRule("authentication_not_offered", NO_AUTHENTICATION, settings={"security": "none"}),
    ErrorRule("authentication_not_offered", NO_AUTHENTICATION_HERE),
    ErrorRule("", PROXY_FAILED, Stage.PROXY),
    ErrorRule("connection_refused", CONNECTION_REFUSED),
    ErrorRule("connection_blocked", CONNECTION_BLOCKED),
    ErrorRule("host_not_found", HOST_NOT_FOUND),
    ErrorRule("name_service_unavailable", NAME_SERVICE_FAILED),
    ErrorRule("name_service_timeout", NAME_SERVICE_FAILED),
    ErrorRule("", INVALID_HOST, Stage.LOOKUP),
    ErrorRule("network_unreachable", UNREACHABLE),
    ErrorRule("timeout", CONNECTION_TIMEOUT, Stage.CONNECT),
    ErrorRule("timeout", TLS_PORT, Stage.GREETING, {"security": "starttls"}),
    ErrorRule("timeout", TLS_PORT, Stage.GREETING, {"security": "none"}),
    ErrorRule("not_smtp", NOT_SMTP),
    ErrorRule("line_too_long", NOT_SMTP),
    ErrorRule("out_of_step", NOT_SMTP),
    ErrorRule("reply_too_long", NOT_SMTP),
    ErrorRule("", TLS_FAILED, Stage.TLS),
    ErrorRule("timeout", SLOW_AUTHENTICATION, Stage.AUTH),
    ErrorRule("timeout", NO_REPLY),
    ErrorRule("connection_closed", CONNECTION_CLOSED),
)
