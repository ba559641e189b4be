"""From a failure to the fix that the doctor offers: what other settings may work, and which of them do."""

from collections.abc import Sequence
from dataclasses import replace

from webapp.core.i18n import lazy_gettext as _
from webapp.core.network_errors import CERTIFICATES
from webapp.mail.doctor import candidates
from webapp.mail.doctor.candidates import CONNECTION
from webapp.mail.doctor.examination import Attempt, Candidate, Fix, Progress
from webapp.mail.doctor.trials import try_connections, try_sign_ins
from webapp.mail.mime import Email
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.providers import Diagnosis, Failure

Found = tuple[Fix, Sequence[Attempt]]
# The stages that can be tried without sending the message.
REHEARSED = (Stage.GREETING, Stage.EHLO, Stage.AUTH, Stage.MAIL, Stage.RCPT)
# Names of protocols, the same in every language.
SECURITY_NAMES = {"starttls": "STARTTLS", "tls": "TLS"}


def find_fix(
    connection: SmtpConnection, message: Email, failure: Failure, suggested: Candidate, progress: Progress
) -> Found:
    """Return the fix of a connection that failed, on which this message was to be sent, and what was tried.

    `suggested` are the form values that the diagnosis names. Nothing is offered that the form holds already. Another
    connection is offered only if a mail server was seen to answer there, encrypted; another sign-in only if it was
    accepted.
    """
    settings, routes = connection.settings, connection.routes
    new = candidates.changes(settings, suggested)
    if new.keys() & CONNECTION or candidates.may_be_the_port(failure):
        progress.seeks_fix = True
        found = candidates.connections(settings, new, failure, routes)
        return _best(try_connections(settings, found, progress.deadline), failure)
    families = candidates.other_family(failure, routes)
    if families and failure.stage not in REHEARSED:
        return Fix(families[0]), ()
    others = families or candidates.sign_ins(connection, failure)
    if not others:
        return Fix(new), ()
    progress.seeks_fix = True
    # As far as the one that failed came, and one step further.
    rehearsed = None if failure.stage == Stage.AUTH else message
    fix, attempts = _best(try_sign_ins(settings, others, progress.deadline, rehearsed), failure)
    return fix if fix.verified else Fix(new), attempts


def explain_fix(diagnosis: Diagnosis, fix: Fix, attempts: Sequence[Attempt]) -> Diagnosis:
    """Return what a fix that was seen to answer says of the failure, in place of advice."""
    seen = next((one for one in attempts if fix.values and one.values == fix.values), None)
    if seen is None or not (seen.works or seen.is_untrusted):
        return diagnosis
    if not seen.is_port:
        accepted = _("Mailroom tried other settings, and the server accepted these.")
        return replace(diagnosis, steps=(), evidence=[accepted])
    where = {"port": seen.port, "security": SECURITY_NAMES.get(seen.security, seen.security)}
    if seen.works:
        answers = _("A mail server answers on port %(port)s with %(security)s.", **where)
        return replace(diagnosis, cause=answers, steps=(), evidence=())
    answers = _("A server answers on port %(port)s with %(security)s, but its certificate isn't trusted.", **where)
    shown_next = _("The next check shows the certificate. No password is sent before it is trusted.")
    return replace(diagnosis, cause=answers, steps=(), evidence=[shown_next])


def _best(attempts: Sequence[Attempt], failure: Failure) -> Found:
    """Return the first of the settings that work as the fix, and all that were tried.

    If none does, it is a port that lacks only a trusted certificate, if that isn't what failed already.
    """
    untrusted = [] if failure.code in CERTIFICATES else [one for one in attempts if one.is_untrusted]
    best = next(iter([one for one in attempts if one.works] or untrusted), None)
    return Fix(best.values, verified=best.works) if best else Fix(), attempts
