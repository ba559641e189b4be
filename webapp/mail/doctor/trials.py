"""Trying other settings: connections side by side and without credentials, sign-ins one after the other."""

import time
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import replace
from functools import partial
from typing import Any

from webapp.core.deadlines import Deadline, start
from webapp.mail.doctor.candidates import CONNECTION
from webapp.mail.doctor.examination import Attempt, Candidate
from webapp.mail.mime import Email
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Failure

# Seconds for one trial. Some servers greet after five.
TRIAL = 6.0
# A fix of a plugin may name other fields, which change nothing about whether a server answers.
TRIED = CONNECTION | {"username", "mechanism"}
NOT_IN_TIME = Failure(Stage.CONNECT, "timeout", {"error": "timed out"})


def with_values(settings: TransportSettings, values: Candidate) -> TransportSettings:
    """Return the settings with those form values of a candidate that a trial is about. Raises ValueError."""
    given: dict[str, Any] = {name: value for name, value in values.items() if name in TRIED}
    if "port" in given:
        given["port"] = int(given["port"])
    return replace(settings, **given)


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
            with SmtpConnection(with_values(settings, one), deadline=deadline) as opened:
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
        with SmtpConnection(with_values(settings.without_credentials, values), deadline=deadline) as opened:
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
