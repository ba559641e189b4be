"""“Send test email”: the path that all email takes, observed stage by stage."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _

from webapp.audit import service as audit
from webapp.core.app_state import app_state
from webapp.mail import audit_events, fixes, signals, transport_settings
from webapp.mail.compose import compose
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.diagnosis.port_rules import diagnose_port
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.expiry import certificates
from webapp.mail.filling import is_unchanged
from webapp.mail.fixes import NO_FIX, Fix
from webapp.mail.models import MailServer
from webapp.mail.redaction import Redactor
from webapp.mail.round_trips import service as round_trips
from webapp.mail.round_trips.models import RoundTrip
from webapp.mail.round_trips.service import Begun
from webapp.mail.servers import CERTIFICATE_SETTINGS, PRIMARY, EnteredServer
from webapp.mail.transcript import Stage, StageResult, TranscriptLine, stage_label
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Diagnosis
from webapp.settings.service import General, general


@dataclass(frozen=True)
class TestSend:
    """The result of one test send. `host` is the server that was tested, `seconds` the duration of the whole test."""

    recipient: str
    host: str
    seconds: float
    steps: Sequence[StageResult]
    lines: Sequence[TranscriptLine]
    stage: Stage | None = None
    error: str = ""
    from_server: bool = False
    diagnosis: Diagnosis | None = None
    fix: Fix = NO_FIX
    # Where it is shown whether the email arrives. None without a public URL, or if it was not sent.
    trip: RoundTrip | None = None

    @property
    def passed(self) -> bool:
        """Whether the server accepted the message."""
        return self.stage is None


@dataclass
class Progress:
    """What a test is doing, for another thread to show."""

    stages: Sequence[StageResult] = ()
    seeks_fix: bool = False

    def seek_fix(self) -> None:
        """Say that the test has failed, and other connections are tried."""
        self.seeks_fix = True

    @property
    def labels(self) -> Sequence[str]:
        """What the test has done so far, and does now, in words."""
        labels = [stage_label(step.stage) for step in list(self.stages)]
        return [*labels, _("Try other ports and security")] if self.seeks_fix else labels


def send_test(
    entered: EnteredServer, saved: MailServer | None, recipient: str, progress: Progress | None = None
) -> TestSend:
    """Send the test email through a mail server that need not be saved. Raises CannotUnseal."""
    progress = progress or Progress()
    with app_state().database.read() as session:
        present = general(session, app_state().config)
    settings = transport_settings.from_entered(entered, saved, app_state(), present)
    started = time.monotonic()
    connection = SmtpConnection(settings)
    progress.stages = connection.transcript.stages
    begun = _begin_round_trip(present, settings.host, recipient)
    error = _send(connection, present, recipient, begun)
    record = connection.transcript
    trip = begun.trip if begun and error is None else None
    test = TestSend(recipient, settings.host, time.monotonic() - started, record.stages, record.lines, trip=trip)
    if error is not None:
        test = _with_failure(test, settings, error, progress)
    in_use = saved is not None and saved.position == PRIMARY and is_unchanged(saved, entered)
    _record(test, settings.provider.key, saved if in_use and test.passed else None)
    if saved is not None and not saved.differing(CERTIFICATE_SETTINGS, entered.values, entered.provider_fields):
        certificates.record(app_state().database, saved, connection.certificate, asked=True)
    return test


def _begin_round_trip(present: General, host: str, recipient: str) -> Begun | None:
    """Return what the link in the email is for; None without a public URL, as there can be no link."""
    if not present.public_url:
        return None
    with app_state().database.transaction() as session:
        return round_trips.begin(session, host, recipient)


def _send(connection: SmtpConnection, present: General, recipient: str, begun: Begun | None) -> DeliveryError | None:
    settings = connection.settings
    data = {"provider": str(settings.provider.label), "has_link": begun is not None}
    link_path = begun.link_path if begun else ""
    message = compose("test", recipient, settings.mail_from, present, data, link_path)
    try:
        with connection:
            connection.send(message)
    except DeliveryError as error:
        if begun is not None:
            error.redact(Redactor([begun.secret]))
            with app_state().database.transaction() as session:
                round_trips.give_up(session, begun.trip.id)
        return error
    return None


def _with_failure(test: TestSend, settings: TransportSettings, error: DeliveryError, progress: Progress) -> TestSend:
    """Return the test with what failed, what that means, and what would work."""
    failure, diagnosis = error.failure, diagnose(settings.provider.key, settings.public_values, error.failure)
    fix = fixes.find(settings, failure, diagnosis.fix, progress.seek_fix) if diagnosis else NO_FIX
    return replace(
        test,
        stage=error.stage,
        error=describe(failure),
        from_server=bool(error.reply),
        diagnosis=diagnosis and diagnose_port(diagnosis, {**fix.failures, settings.security: failure}),
        fix=fix,
    )


def _record(test: TestSend, provider: str, works: MailServer | None) -> None:
    """Record the test in the audit trail, and announce the server in use that `works`."""
    event = audit_events.TEST_EMAIL_SENT if test.passed else audit_events.TEST_EMAIL_FAILED
    stage: dict[str, Any] = {"stage": test.stage} if test.stage else {}
    with app_state().database.transaction() as session:
        audit.record(session, event, email=test.recipient, provider=provider, **stage)
        if works is not None:
            signals.mail_server_works.send(session=session, server=works)
