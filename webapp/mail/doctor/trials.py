"""Trying other settings: connections side by side and without credentials, sign-ins one after the other."""

import time
from collections.abc import Sequence
from concurrent.futures import wait
from functools import partial

from webapp.core.deadlines import Deadline, start
from webapp.mail.doctor.examination import Attempt, Candidate
from webapp.mail.mime import Email
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Failure

# Seconds for one trial. Some servers greet after five.
TRIAL = 6.0
NOT_IN_TIME = Failure(Stage.CONNECT, "timeout", {"error": "timed out"})


def try_connections(
    settings: TransportSettings, candidates: Sequence[Candidate], deadline: Deadline
) -> Sequence[Attempt]:
    """Try these connections side by side, without credentials, all within TRIAL seconds.

    Return how they went, the last being the best that works, if any does: nobody waits for those after it.
    """
    began, part = time.monotonic(), deadline.part(TRIAL)
    trials = [(one, start(partial(_connect, settings, one, part))) for one in candidates]
    attempts = []
    for one, trial in trials:
        wait([trial], TRIAL + 0.5 - (time.monotonic() - began))
        attempt = trial.result() if trial.done() else _attempt(settings, one, began, NOT_IN_TIME)
        attempts.append(attempt)
        if attempt.works:
            break
    return attempts


def try_sign_ins(
    settings: TransportSettings, candidates: Sequence[Candidate], deadline: Deadline, message: Email | None = None
) -> Sequence[Attempt]:
    """Sign in with these in turn, until one works; with a `message`, have its sender and recipient accepted, too."""
    attempts: list[Attempt] = []
    for one in candidates:
        began, failure = time.monotonic(), None
        try:
            with SmtpConnection(settings.with_values(one), deadline) as opened:
                if message is not None:
                    opened.rehearse(message)
        except DeliveryError as error:
            failure = error.failure
        attempts.append(_attempt(settings, one, began, failure))
        if failure is None or deadline.is_stopped:
            break
    return attempts


def _connect(settings: TransportSettings, values: Candidate, deadline: Deadline) -> Attempt:
    """Return why no mail server answers that offers to authenticate if that is needed. No credentials are sent."""
    began, failure = time.monotonic(), None
    try:
        with SmtpConnection(settings.without_credentials.with_values(values), deadline) as opened:
            if settings.authentication != "none" and not (opened.host and opened.host.mechanisms):
                failure = Failure(Stage.AUTH, "authentication_not_offered")
    except DeliveryError as error:
        failure = error.failure
    except (ValueError, OverflowError):
        failure = Failure(Stage.LOOKUP, "host_invalid")
    return _attempt(settings, values, began, failure)


def _attempt(settings: TransportSettings, values: Candidate, began: float, failure: Failure | None) -> Attempt:
    security, port = values.get("security", settings.security), values.get("port", str(settings.port))
    return Attempt(values, security, port, time.monotonic() - began, failure)
