"""“Send test mail”: the real path, watched stage by stage."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from webapp.audit import service as audit
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail import compose as messages
from webapp.mail import events, servers
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.expiry import certificates
from webapp.mail.transcript import Stage, StageResult, Transcript, TranscriptLine
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Diagnosis
from webapp.providers.registry import get_providers
from webapp.settings.service import General

STAGES = {
    Stage.TOKEN: lazy_gettext("Get an access token"),
    Stage.LOOKUP: lazy_gettext("Look up the host"),
    Stage.CONNECT: lazy_gettext("Connect"),
    Stage.PROXY: lazy_gettext("Connect through the proxy"),
    Stage.TLS: lazy_gettext("Start TLS and check the certificate"),
    Stage.GREETING: lazy_gettext("Wait for the server's greeting"),
    Stage.EHLO: lazy_gettext("Greeting (EHLO)"),
    Stage.AUTH: lazy_gettext("Sign in"),
    Stage.MAIL: lazy_gettext("Sender (MAIL FROM)"),
    Stage.RCPT: lazy_gettext("Recipient (RCPT TO)"),
    Stage.DATA: lazy_gettext("Message (DATA)"),
}


@dataclass(frozen=True)
class TestSend:
    """What one test found. `provider` is a key, `seconds` the whole of it, `words` the server's or the system's."""

    recipient: str
    provider: str
    seconds: float
    steps: Sequence[StageResult]
    lines: Sequence[TranscriptLine]
    stage: Stage | None = None
    words: str = ""
    from_server: bool = False
    diagnosis: Diagnosis | None = None

    @property
    def passed(self) -> bool:
        """Whether the server took the message."""
        return self.stage is None


def send_test(parts: AppState, opened: TransportSettings, general: General, recipient: str) -> TestSend:
    """Send the test mail through `opened`, whether it is saved or not, and tell everything about it."""
    started = time.monotonic()
    connection = SmtpConnection(opened)
    error: DeliveryError | None = None
    try:
        message = messages.compose(
            "test", recipient, opened.mail_from, general, {"provider": str(opened.provider.label)}
        )
        with connection:
            connection.send(message)
    except DeliveryError as failed:
        error = failed
    record: Transcript = connection.conversation
    trial = TestSend(
        recipient=recipient,
        provider=opened.provider.key,
        seconds=time.monotonic() - started,
        steps=record.steps,
        lines=record.lines,
        stage=error.stage if error else None,
        words=error.words if error else "",
        from_server=bool(error and error.reply),
        diagnosis=diagnose(get_providers(), opened, error) if error else None,
    )
    _note(parts.database, trial)
    _note_certificate(parts.database, connection)
    return trial


def _note(database: Database, trial: TestSend) -> None:
    """Have the audit trail tell how it went."""
    facts: dict[str, Any] = {"provider": trial.provider, "passed": trial.passed}
    if trial.stage:
        facts["stage"] = trial.stage
    with database.transaction() as session:
        audit.record(session, events.TEST_SEND_FINISHED, email=trial.recipient, **facts)


def _note_certificate(database: Database, connection: SmtpConnection) -> None:
    """Keep until when the server's certificate holds, if it is the saved server that was tried."""
    with database.read() as session:
        saved = servers.primary(session)
    tried = connection.opened
    shown_by = (tried.provider.key, tried.host, tried.port, tried.security, tried.fields)
    if saved is not None and (saved.provider, saved.host, saved.port, saved.security, saved.extra) == shown_by:
        certificates.record(database, saved, connection.certificate)


def stage_name(stage: Stage | str) -> str:
    """A stage as people call it."""
    return str(STAGES[Stage(stage)] if stage in list(Stage) else _("Send"))
