"""The check of a mail server: the path that all email takes, observed stage by stage."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.deadlines import Deadline
from webapp.mail import audit_events, signals, transport_settings
from webapp.mail.compose import compose
from webapp.mail.diagnosis.certificate_rules import TRUST_HERE
from webapp.mail.diagnosis.port_rules import diagnose_port, diagnose_ports
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.doctor.examination import Attempt, Examination, Progress
from webapp.mail.doctor.fixes import explain_fix, find_fix
from webapp.mail.expiry import certificates
from webapp.mail.filling import is_unchanged
from webapp.mail.mime import Email
from webapp.mail.models import MailServer
from webapp.mail.redaction import Redactor
from webapp.mail.round_trips import service as round_trips
from webapp.mail.round_trips.service import Begun
from webapp.mail.servers import CERTIFICATE_SETTINGS, EnteredServer
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.trust import service as trust
from webapp.providers import Failure
from webapp.providers.registry import get_providers
from webapp.settings.service import General, general

# Seconds until the server has taken the sign-in, so that there is time left to try other settings.
CONNECTING = 12.0
# What the audit trail records, by whether an email was to be sent, and whether all went well.
EVENTS = {
    (True, True): audit_events.TEST_EMAIL_SENT,
    (True, False): audit_events.TEST_EMAIL_FAILED,
    (False, True): audit_events.CHECK_PASSED,
    (False, False): audit_events.CHECK_FAILED,
}


def examine(
    entered: EnteredServer,
    saved: MailServer | None,
    recipient: str,
    sends: bool = True,
    progress: Progress | None = None,
) -> Examination:
    """Check a mail server that need not be saved; send the test email, or stop before it. Raises CannotUnseal.

    The check ends within `examination.SECONDS`.
    """
    progress = progress or Progress()
    with app_state().database.read() as session:
        present = general(session, app_state().config)
    settings = transport_settings.from_entered(entered, saved, app_state(), present)
    begun = _begin_round_trip(present, settings.host, recipient) if sends else None
    name = saved.name if saved and saved.provider == settings.provider.key else str(settings.provider.label)
    data = {"provider": name, "has_link": begun is not None}
    message = compose("test", recipient, settings.mail_from, present, data, begun.link_path if begun else "")
    connection = SmtpConnection(settings, deadline=progress.deadline.part(CONNECTING), compares_families=True)
    progress.stages = connection.transcript.stages
    error = _run(connection, message, sends, progress.deadline)
    if error is not None and begun is not None:
        _give_up(error, begun)
    examination = _result(connection, recipient, sends, progress, error, begun)
    if error is not None:
        examination = _explained(examination, connection, message, error.failure, progress)
    works = sends and examination.ok and saved is not None and not saved.is_draft and is_unchanged(saved, entered)
    _record(examination, saved if works else None)
    if saved is not None and not saved.differing(CERTIFICATE_SETTINGS, entered.values, entered.provider_fields):
        certificates.record(app_state().database, saved, connection.certificate, asked=True)
    return examination


def _begin_round_trip(present: General, host: str, recipient: str) -> Begun | None:
    """Return what the link in the email is for; None without a public URL, as there can be no link."""
    if not present.public_url:
        return None
    with app_state().database.transaction() as session:
        return round_trips.begin(session, host, recipient)


def _give_up(error: DeliveryError, begun: Begun) -> None:
    """Forget the link of an email that wasn't sent."""
    error.redact(Redactor([begun.secret]))
    with app_state().database.transaction() as session:
        round_trips.give_up(session, begun.trip.id)


def _run(connection: SmtpConnection, message: Email, sends: bool, deadline: Deadline) -> DeliveryError | None:
    try:
        with connection:
            connection.extend(deadline)
            if sends:
                connection.send(message)
            else:
                connection.rehearse(message)
    except DeliveryError as error:
        return error
    return None


def _result(
    connection: SmtpConnection,
    recipient: str,
    sends: bool,
    progress: Progress,
    error: DeliveryError | None,
    begun: Begun | None,
) -> Examination:
    """Return what a check found, with the warnings of plugins if it passed."""
    settings = connection.settings
    warnings = () if error else get_providers().check(settings.provider, settings.public_values, progress.deadline)
    return Examination(
        at=clock.now(),
        provider=settings.provider.key,
        settings=settings.public_values,
        recipient=recipient,
        sends=sends,
        seconds=progress.seconds,
        stages=connection.transcript.stages,
        lines=connection.transcript.lines,
        routes=connection.routes,
        failure=error.failure if error else None,
        trip=begun.trip if begun and error is None else None,
        warnings=warnings,
    )


def _explained(
    examination: Examination, connection: SmtpConnection, message: Email, failure: Failure, progress: Progress
) -> Examination:
    """Return a failed check with what the failure means, what would work, and what was tried."""
    settings, deadline = connection.settings, progress.deadline
    diagnosis = diagnose(settings.provider.key, settings.public_values, failure)
    if diagnosis is None or deadline.is_stopped:
        return replace(examination, diagnosis=diagnosis)
    fix, attempts = find_fix(connection, message, failure, diagnosis.fix, progress)
    diagnosis = diagnose_port(diagnosis, {**_on_this_port(attempts), settings.security: failure})
    diagnosis = diagnose_ports(diagnosis, failure, [one.failure for one in attempts])
    diagnosis = explain_fix(diagnosis, fix, attempts)
    presented = trust.look(settings, failure, deadline)
    if presented and presented.offers:
        # They say it, with a button.
        diagnosis = replace(diagnosis, steps=[one for one in diagnosis.steps if one != TRUST_HERE])
    return replace(
        examination, seconds=progress.seconds, diagnosis=diagnosis, fix=fix, attempts=attempts, presented=presented
    )


def _on_this_port(attempts: Sequence[Attempt]) -> dict[str, Failure]:
    """Return the failures of other securities on the port that was entered."""
    return {one.security: one.failure for one in attempts if one.failure and one.values.keys() == {"security"}}


def _record(examination: Examination, works: MailServer | None) -> None:
    """Record the check in the audit trail, and announce a server that is used and `works`."""
    event = EVENTS[examination.sends, examination.ok]
    stage: dict[str, Any] = {"stage": examination.stage} if examination.stage else {}
    with app_state().database.transaction() as session:
        audit.record(session, event, email=examination.recipient, provider=examination.provider, **stage)
        if works is not None:
            signals.mail_server_works.send(session=session, server=works)
