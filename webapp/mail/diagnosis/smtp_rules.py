"""What every SMTP server's failures mean: the rules that hold whoever the provider is.

A provider's own explanations are asked first. Texts of the system and of OpenSSL are those of
CPython; replies are matched by code, enhanced code (RFC 3463) and a phrase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask_babel import lazy_gettext as _

from webapp.mail.diagnosis.certificate_rules import CERTIFICATES
from webapp.mail.transcript import Stage
from webapp.providers import Diagnosis, Explanation, Failure

TO_STARTTLS = {"security": "starttls", "port": "587"}
TO_TLS = {"security": "tls", "port": "465"}


@dataclass(frozen=True)
class ErrorRule:
    """How a failure without a reply is recognised: its text, at some stages, with some settings."""

    text: str
    diagnosis: Diagnosis
    stages: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def fits(self, failure: Failure, settings: Mapping[str, str]) -> bool:
        """Whether this is the failure's explanation."""
        return (
            self.text.casefold() in failure.error.casefold()
            and (not self.stages or failure.stage in self.stages)
            and all(settings.get(name) == value for name, value in self.settings.items())
        )


CHECK_PAIR = _("Port 587 (and 25, 2525) goes with STARTTLS, port 465 with TLS.")
WRONG_KIND_OF_PORT = Diagnosis(
    _("TLS was started at once, but this port begins in plain text."),
    [_("Set Security to STARTTLS with port 587, or keep TLS and use port 465.")],
    fix=TO_STARTTLS,
)
WAITS_FOR_TLS = Diagnosis(
    _("The server accepted the connection and then said nothing: most likely it expects TLS from the first byte."),
    [
        _("Set Security to TLS with port 465, or STARTTLS with port 587."),
        _("If it is your own server, check that the port is one for mail, not of a web server."),
    ],
    fix=TO_TLS,
)
SILENT = Diagnosis(
    _("The server accepted the connection and then said nothing in time."),
    [CHECK_PAIR, _("If both are right, the server is overloaded or a firewall holds its answer back: try later.")],
)
SLOW_SIGN_IN = Diagnosis(
    _("The server did not answer the sign-in in time. Many servers hold their answer back after wrong sign-ins."),
    [
        _("Set the timeout to 30 seconds or more and test again, so that the server can say what is wrong."),
        _("It may have blocked this machine after too many tries: wait ten minutes, then test once."),
    ],
)
HUNG_UP = Diagnosis(
    _("The server closed the connection without a reason."),
    [
        CHECK_PAIR,
        _("It may have blocked this machine after too many tries: wait ten minutes, then test once."),
    ],
)
TLS_BROKEN_OFF = Diagnosis(
    _("The connection broke while TLS was being set up."),
    [CHECK_PAIR, _("A firewall or virus scanner between here and the server may be inspecting mail.")],
)
OLD_TLS = Diagnosis(
    _("The server and Mailroom have no TLS version in common."),
    [
        _("Set the minimum TLS version to 1.2 if it is 1.3."),
        _("A server that speaks only TLS 1.0 or 1.1 must be upgraded: those versions are no longer safe."),
    ],
    fix={"tls_minimum": "1.2"},
)
NO_STARTTLS = Diagnosis(
    _("The server does not offer STARTTLS on this port, so nothing was sent: it would have been readable on the way."),
    [_("Set Security to TLS with port 465, or use the port where the provider offers STARTTLS (most often 587).")],
    fix=TO_TLS,
)
INJECTED = Diagnosis(
    _("The server kept talking in plain text after it agreed to encrypt. This can be an attack, so Mailroom stopped."),
    [_("Report this to whoever runs the server; Mailroom will not sign in to it.")],
)
REFUSED = Diagnosis(
    _("Nothing answers on this port of this host."),
    [_("Check host and port."), _("If it is your own server, check that it is running and open to this machine.")],
)
NO_SUCH_HOST = Diagnosis(
    _("This machine finds no host of this name."),
    [
        _("Check the spelling of the host name; it has no spaces and no https://."),
        _("If it is right, this machine cannot look up names: check its name servers, or set a proxy."),
    ],
)
NO_DNS = Diagnosis(
    _("This machine cannot look up host names at the moment."),
    [_("Check the name servers of this machine or container (/etc/resolv.conf), then test again.")],
)
BAD_HOST = Diagnosis(_("The host name is malformed."), [_("Correct it: no https://, no double dots, no spaces.")])
UNREACHABLE = Diagnosis(
    _("This machine has no way to reach that host."),
    [
        _("Many hosting companies block outgoing mail ports: ask yours, or try port 2525 where the provider has it."),
        _("If this machine has no IPv6, check that the host also has an IPv4 address."),
    ],
)
SWALLOWED = Diagnosis(
    _("No connection came about in time: a firewall on the way is probably dropping the packets."),
    [
        _("Check host and port. Port 25 is blocked by most hosting companies: use 587 or 465."),
        _("Allow outgoing connections to this host and port in the firewall."),
    ],
)
NOT_SMTP = Diagnosis(
    _("Something other than a mail server answers there."),
    [_("Check host and port: a web server or another service is listening."), CHECK_PAIR],
)
NO_SIGN_IN = Diagnosis(
    _("The server offers no sign-in on this connection, most often because it is not encrypted."),
    [
        _("Set Security to STARTTLS or TLS."),
        _("If the server really takes mail without signing in, set the sign-in to “No sign-in”."),
    ],
    fix=TO_STARTTLS,
)
NO_COMMON_SIGN_IN = Diagnosis(
    _("The server offers only kinds of sign-in that Mailroom does not have."),
    [_("Ask whoever runs the server to allow PLAIN or LOGIN on this port.")],
)
PROXY_FAILED = Diagnosis(
    _("The proxy did not connect Mailroom to the mail server."),
    [
        _("Check the proxy's host, port, user name and password."),
        _("Many proxies allow only port 443: have the mail server's port allowed."),
    ],
)
NO_UTF8 = Diagnosis(
    _("The address has letters that this mail server cannot handle."),
    [_("Use an address in plain letters for this person, or a mail server that supports SMTPUTF8.")],
)
PLUGIN = Diagnosis(
    _("The provider's plugin broke while signing in. Nothing is wrong with what you entered."),
    [_("Tell the plugin's author; the log holds the whole error."), _("Until then, the provider Custom may do.")],
)

ERROR_RULES = (
    ErrorRule("wrong_version_number", WRONG_KIND_OF_PORT),
    ErrorRule("record layer failure", WRONG_KIND_OF_PORT),
    ErrorRule("unsupported protocol", OLD_TLS),
    ErrorRule("protocol_version", OLD_TLS),
    ErrorRule("no protocols available", OLD_TLS),
    *(ErrorRule(text, diagnosis) for text, diagnosis in CERTIFICATES.items()),
    ErrorRule("starttls extension not supported", NO_STARTTLS),
    ErrorRule("went on in plain text", INJECTED),
    ErrorRule("began in plain text", WRONG_KIND_OF_PORT),
    ErrorRule("plugin of", PLUGIN),
    ErrorRule("smtputf8", NO_UTF8),
    ErrorRule("offers no way to sign in", NO_COMMON_SIGN_IN),
    ErrorRule("offers no sign-in", NO_SIGN_IN),
    ErrorRule("", PROXY_FAILED, [Stage.PROXY]),
    ErrorRule("connection refused", REFUSED),
    ErrorRule("name or service not known", NO_SUCH_HOST),
    ErrorRule("no address associated", NO_SUCH_HOST),
    ErrorRule("nodename nor servname", NO_SUCH_HOST),
    ErrorRule("getaddrinfo failed", NO_SUCH_HOST),
    ErrorRule("temporary failure in name resolution", NO_DNS),
    ErrorRule("name service", NO_DNS),
    ErrorRule("", BAD_HOST, [Stage.LOOKUP]),
    ErrorRule("network is unreachable", UNREACHABLE),
    ErrorRule("no route to host", UNREACHABLE),
    ErrorRule("timed out", SWALLOWED, [Stage.CONNECT]),
    ErrorRule("timed out", WAITS_FOR_TLS, [Stage.GREETING], {"security": "starttls"}),
    ErrorRule("timed out", WAITS_FOR_TLS, [Stage.GREETING], {"security": "none"}),
    ErrorRule("answer is not smtp", NOT_SMTP),
    ErrorRule("the answer has", NOT_SMTP),
    ErrorRule("", TLS_BROKEN_OFF, [Stage.TLS]),
    ErrorRule("timed out", SLOW_SIGN_IN, [Stage.AUTH]),
    ErrorRule("timed out", SILENT),
    ErrorRule("closed", HUNG_UP),
    ErrorRule("reset by peer", HUNG_UP),
    ErrorRule("broken pipe", HUNG_UP),
)

BAD_SIGN_IN = Diagnosis(
    _("The server does not accept the user name with this password."),
    [
        _("Type the password again."),
        _("Check the user name: most servers want the whole e-mail address."),
        _("Many services want a password made for this purpose (app password, API key, SMTP password)."),
    ],
)
NEEDS_SIGN_IN = Diagnosis(
    _("The server takes mail for others only from those who sign in."),
    [_("Set the sign-in to a user name and password."), _("Or have this machine's address allowed on the server.")],
)
NEEDS_TLS = Diagnosis(
    _("The server wants an encrypted connection first."), [_("Set Security to STARTTLS.")], fix={"security": "starttls"}
)
SIGN_IN_OFF = Diagnosis(
    _("Signing in is switched off on this port."),
    [_("Use port 587 with STARTTLS, or port 465 with TLS.")],
    fix=TO_STARTTLS,
)
NOT_YOUR_SENDER = Diagnosis(
    _("The signed-in account may not send from the Mail From address."),
    [_("Set Mail From to the account's own address, or allow the account to send as that address.")],
)
NO_SUCH_RECIPIENT = Diagnosis(
    _("The server knows no such recipient."), [_("Check the recipient's address for a slip of the keyboard.")]
)
NO_SENDER_DOMAIN = Diagnosis(
    _("The domain of the Mail From address does not exist on the internet."),
    [_("Set Mail From to an address in a real domain.")],
)
BAD_HELO = Diagnosis(
    _("The server does not accept the name that Mailroom gives when it says hello."),
    [_("Set the public address (Settings → General) to a real host name: Mailroom introduces itself with it.")],
)
NO_REVERSE_DNS = Diagnosis(
    _("The address of this machine has no name in the DNS, and this server wants one."),
    [_("Send through your provider's server, or have a reverse DNS entry made for this machine.")],
)
GREYLISTED = Diagnosis(
    _("The server delays first contacts on purpose (greylisting)."),
    [_("Nothing to do: it works on the next try in a few minutes.")],
)
SERVER_TROUBLE = Diagnosis(
    _("The server cannot take mail at the moment; it says that this passes."),
    [_("Wait some minutes, then test again. Waiting mail is retried by itself.")],
)
TOO_BIG = Diagnosis(_("The server finds the message too large."), [_("Have the size limit on the server raised.")])
BAD_SEQUENCE = Diagnosis(_("The server does not understand what Mailroom says."), [CHECK_PAIR])
REJECTED = Diagnosis(
    _("The server said no for good. Its own words below say why."),
    [_("Pass the words on to whoever runs the server if they do not help.")],
)

REPLY_RULES = (
    Explanation("454 4.7.0", SERVER_TROUBLE, "tls not available"),
    Explanation("454 4.7.0", SERVER_TROUBLE, "temporary authentication failure"),
    Explanation("503", SIGN_IN_OFF, "auth"),
    Explanation("530", NEEDS_TLS, "starttls"),
    Explanation("534", NEEDS_TLS, "mechanism is too weak"),
    Explanation("535", BAD_SIGN_IN),
    Explanation("534", BAD_SIGN_IN),
    Explanation("530", NEEDS_SIGN_IN),
    Explanation("554", NEEDS_SIGN_IN, "relay access denied"),
    Explanation("550", NEEDS_SIGN_IN, "relay"),
    Explanation("550", NEEDS_SIGN_IN, "authentication"),
    Explanation("553", NEEDS_SIGN_IN, "not logged in"),
    Explanation("553", NOT_YOUR_SENDER),
    Explanation("550", NOT_YOUR_SENDER, "send as"),
    Explanation("554", NOT_YOUR_SENDER, "senddenied"),
    Explanation("554", NOT_YOUR_SENDER, "sendasdenied"),
    Explanation("450 4.1.8", NO_SENDER_DOMAIN),
    Explanation("421", BAD_HELO, "(ehlo)"),
    Explanation("450", BAD_HELO, "helo"),
    Explanation("504", BAD_HELO, "helo"),
    Explanation("550", BAD_HELO, "helo"),
    Explanation("450", NO_REVERSE_DNS, "hostname"),
    Explanation("550", NO_REVERSE_DNS, "cannot find your"),
    Explanation("550 5.1.1", NO_SUCH_RECIPIENT),
    Explanation("550", NO_SUCH_RECIPIENT, "unknown"),
    Explanation("450", GREYLISTED, "greylist"),
    Explanation("451", GREYLISTED, "greylist"),
    Explanation("552", TOO_BIG),
    Explanation("500", BAD_SEQUENCE),
    Explanation("502", BAD_SEQUENCE, "command"),
)
