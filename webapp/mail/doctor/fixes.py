"""From a failure to the fix that the doctor offers: what other settings may work, and which of them do."""

from collections.abc import Sequence

from webapp.mail.doctor import candidates
from webapp.mail.doctor.candidates import CONNECTION
from webapp.mail.doctor.examination import Attempt, Candidate, Fix, Progress
from webapp.mail.doctor.trials import try_connections, try_sign_ins
from webapp.mail.mime import Email
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.providers import Failure

Found = tuple[Fix, Sequence[Attempt]]
# The stages that can be tried without sending the message.
REHEARSED = (Stage.GREETING, Stage.EHLO, Stage.AUTH, Stage.MAIL, Stage.RCPT)
NO_FIX = Fix()


def find_fix(
    connection: SmtpConnection, message: Email, failure: Failure, suggested: Candidate, progress: Progress
) -> Found:
    """Return the fix of a connection that failed, on which this message was to be sent, and what was tried.

    `suggested` are the form values that the diagnosis names. Nothing is offered that the form holds already. Another
    connection is offered only if a mail server was seen to answer there, encrypted and with a certificate that is
    right; another sign-in only if it was accepted.
    """
    settings, routes = connection.settings, connection.routes
    new = candidates.changes(settings, suggested)
    if new.keys() & CONNECTION or candidates.may_be_the_port(failure):
        progress.seeks_fix = True
        return _best(
            try_connections(settings, candidates.connections(settings, new, failure, routes), progress.deadline)
        )
    families = candidates.other_family(failure, routes)
    if families and failure.stage not in REHEARSED:
        return Fix(families[0]), ()
    others = families or candidates.sign_ins(connection, failure)
    if not others:
        return Fix(new), ()
    progress.seeks_fix = True
    # As far as the one that failed came, and one step further.
    rehearsed = None if failure.stage == Stage.AUTH else message
    fix, attempts = _best(try_sign_ins(settings, others, progress.deadline, rehearsed))
    return fix if fix.verified else Fix(new), attempts


def _best(attempts: Sequence[Attempt]) -> Found:
    """Return the first of the settings that work as the fix, and all that were tried."""
    return next((Fix(one.values, verified=True) for one in attempts if one.works), NO_FIX), attempts
