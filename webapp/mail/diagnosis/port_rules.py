"""What a port is after every security was tried on it: no mail server's, or that of one without encryption."""

from collections.abc import Mapping, Sequence

from flask_babel import lazy_gettext as _

from webapp.core.network_errors import CERTIFICATES
from webapp.mail.diagnosis import smtp_rules, tls_texts
from webapp.mail.transcript import Stage
from webapp.providers import Diagnosis, Failure

NO_MAIL_SERVER = Diagnosis(
    _("The connection was accepted, but no mail server answered on this port, with TLS or without."),
    [tls_texts.CHECK_ADDRESS, smtp_rules.CHECK_SERVICE, smtp_rules.TAKE_MORE_TIME],
)
NO_ENCRYPTION = Diagnosis(
    _("This port offers no encryption: neither STARTTLS nor TLS."),
    [
        _("Use another port of the server, usually 587 with STARTTLS or 465 with TLS, or another server."),
        _(
            "Set Security to “None” only if you trust the whole network between this machine and the server: "
            "anyone on it can read the password and the emails."
        ),
    ],
)
NO_AUTHENTICATION = Diagnosis(
    _("The server offers no authentication on this port, whichever security is used."),
    smtp_rules.NO_AUTHENTICATION_HERE.steps,
)
PORTS_SWALLOWED = Diagnosis(
    _(
        "None of the mail ports answers: the connections vanish on the way. This machine's hosting company or firewall "
        "probably blocks mail ports."
    ),
    [
        _("Ask your hosting company to open outgoing port 587 or 465 for this machine. Many do so on request."),
        _(
            "Or use a mail server that can be reached: many hosting companies have one of their own, and some "
            "providers accept email on other ports, which their instructions name."
        ),
        _(
            "Web pages (HTTPS) are hardly ever blocked: if there is a proxy that may connect to mail ports, enter it "
            "under Advanced."
        ),
        _("If this machine reaches other mail servers, this one is down or ignores this machine: ask its operator."),
    ],
)
PORTS_CLOSED = Diagnosis(
    _(
        "None of the host's mail ports accepts connections: the host is wrong, its mail server isn't running, or a "
        "firewall is in the way."
    ),
    smtp_rules.CONNECTION_REFUSED.steps,
)
# TLS is spoken, but not with a certificate or version that would do.
UNTRUSTED = {*CERTIFICATES, "tls_version"}
# What is only supposed as long as no other security was tried.
SUPPOSED = (
    smtp_rules.STARTTLS_PORT, smtp_rules.TLS_PORT, smtp_rules.NO_REPLY, tls_texts.TLS_FAILED, smtp_rules.NO_STARTTLS,
    smtp_rules.NO_AUTHENTICATION,
)  # fmt: skip


def diagnose_port(diagnosis: Diagnosis, failures: Mapping[str, Failure]) -> Diagnosis:
    """Return the diagnosis of a test that agrees with what was seen when other securities were tried on its port.

    `failures` are all that happened on this port, by security.
    """
    if diagnosis not in SUPPOSED or not {"starttls", "tls"} <= failures.keys():
        return diagnosis
    if all(_is_silent(security, failure) for security, failure in failures.items()):
        return NO_MAIL_SERVER
    codes = {failure.code for failure in failures.values()}
    if "authentication_not_offered" in codes and not codes & UNTRUSTED:
        return NO_AUTHENTICATION
    if failures["starttls"].code == "starttls_not_offered" and _is_silent("tls", failures["tls"]):
        return NO_ENCRYPTION
    return diagnosis


def diagnose_ports(diagnosis: Diagnosis, failure: Failure, others: Sequence[Failure | None]) -> Diagnosis:
    """Return the diagnosis of a port that didn't answer, after `others` were tried: how each failed."""
    codes = {one.code if one and one.stage == Stage.CONNECT else "" for one in [failure, *others]}
    if not others or not codes <= {"connection_refused", "timeout"}:
        return diagnosis
    return PORTS_SWALLOWED if codes == {"timeout"} else PORTS_CLOSED


def _is_silent(security: str, failure: Failure) -> bool:
    """Return whether nothing was seen of a mail server that uses this security."""
    before_greeting = (Stage.TLS, Stage.GREETING) if security == "tls" else (Stage.GREETING,)
    return failure.stage in before_greeting and not failure.reply and failure.code not in UNTRUSTED
