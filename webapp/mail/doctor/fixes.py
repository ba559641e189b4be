"""From a failure to the fix that the doctor offers: what other settings may work, and which of them do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from webapp.core.deadlines import Deadline
from webapp.mail.doctor import candidates
from webapp.mail.doctor.candidates import CONNECTION
from webapp.mail.doctor.examination import Attempt, Candidate, Fix
from webapp.mail.doctor.trials import try_connections, try_sign_ins
from webapp.mail.mime import Email
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.providers import Failure

Found = tuple[Fix, Sequence[Attempt]]
# The stages that can be tried without sending the message.
REHEARSED = (Stage.GREETING, Stage.EHLO, Stage.AUTH, Stage.MAIL, Stage.RCPT)
NO_FIX = Fix()


@dataclass(frozen=True)
class Search:
    """The search for a fix: of a connection that failed, on which this message was to be sent.

    `begins` is called before other settings are tried.
    """

    connection: SmtpConnection
    message: Email
    failure: Failure
    deadline: Deadline
    begins: Callable[[], None]

    def run(self, suggested: Candidate) -> Found:
        """Return the fix, and what was tried. `suggested` are the form values that the diagnosis names.

        Nothing is offered that the form holds already. Another connection is offered only if a mail server was seen to
        answer there, encrypted and with a certificate that is right; another sign-in only if it was accepted.
        """
        settings, failure, routes = self.connection.settings, self.failure, self.connection.routes
        new = candidates.changes(settings, suggested)
        if new.keys() & CONNECTION or candidates.may_be_the_port(failure):
            return self._connections(candidates.connections(settings, new, failure, routes))
        if families := candidates.other_family(failure, routes):
            return self._sign_ins(families) if failure.stage in REHEARSED else (Fix(families[0]), ())
        if sign_ins := candidates.sign_ins(self.connection, failure):
            fix, attempts = self._sign_ins(sign_ins)
            return fix if fix.verified else Fix(new), attempts
        return Fix(new), ()

    def _connections(self, found: Sequence[Candidate]) -> Found:
        self.begins()
        attempts = try_connections(self.connection.settings, found, self.deadline)
        return _fix(attempts), attempts

    def _sign_ins(self, found: Sequence[Candidate]) -> Found:
        """Try these sign-ins, as far as the one that failed came and one step further."""
        self.begins()
        message = None if self.failure.stage == Stage.AUTH else self.message
        attempts = try_sign_ins(self.connection.settings, found, self.deadline, message)
        return _fix(attempts), attempts


def _fix(attempts: Sequence[Attempt]) -> Fix:
    return next((Fix(one.values, verified=True) for one in attempts if one.works), NO_FIX)
