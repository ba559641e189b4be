"""What a check found: its stages, the failure and its diagnosis, the fix, and what was tried to find that."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import gettext as _

from webapp.core.address_families import Route
from webapp.core.certificates import CertificateFacts
from webapp.core.deadlines import Deadline
from webapp.core.network_errors import CERTIFICATES
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.round_trips.models import RoundTrip
from webapp.mail.transcript import Stage, StageResult, TranscriptLine, stage_label
from webapp.mail.trust.service import Presented
from webapp.providers import Diagnosis, Failure

# Seconds that a whole check takes at most, whatever the network does. The page has one more.
SECONDS = 18.5
# Form values by the name of their field.
Candidate = Mapping[str, str]


def in_a_line(values: Candidate) -> str:
    """Return form values in a line, in no language."""
    return " ".join(f"{name}={value}" for name, value in values.items())


@dataclass(frozen=True)
class Fix:
    """The form values to offer, empty if there are none. They are `verified` if the server was seen to accept them."""

    values: Candidate = field(default_factory=dict)
    verified: bool = False


@dataclass(frozen=True)
class Attempt:
    """Other settings that were tried: what changed, the seconds, and why they don't work, unless they do."""

    values: Candidate
    security: str
    port: str
    seconds: float
    failure: Failure | None = None

    @property
    def connection(self) -> dict[str, str]:
        """The port and security, and all else that changed."""
        return {"port": self.port, "security": self.security, **self.values}

    @property
    def is_port(self) -> bool:
        """Whether only the port or the security is another one."""
        return self.values.keys() <= {"port", "security"}

    @property
    def is_untrusted(self) -> bool:
        """Whether it is a port where a server answers with TLS, but not with a certificate that is accepted."""
        return self.is_port and self.failure is not None and self.failure.code in CERTIFICATES

    @property
    def works(self) -> bool:
        """Whether a mail server answers that offers what is needed, or accepts the sign-in."""
        return self.failure is None


@dataclass(frozen=True)
class Step:
    """One line of the progress: what is done, whether it has ended, and how."""

    label: str
    ended: bool
    ok: bool
    seconds: float


@dataclass(frozen=True)
class Examination:
    """The result of one check. `sends` says whether the message was to be sent; `settings` are those without secrets.

    `attempts` are the other settings that were tried, `routes` the address families.
    """

    at: datetime
    provider: str
    settings: Mapping[str, str]
    recipient: str
    sends: bool
    seconds: float
    stages: Sequence[StageResult]
    lines: Sequence[TranscriptLine]
    routes: Sequence[Route] = ()
    failure: Failure | None = None
    diagnosis: Diagnosis | None = None
    # What plugins find wrong although the server accepts email.
    warnings: Sequence[Diagnosis] = ()
    fix: Fix = field(default_factory=Fix)
    attempts: Sequence[Attempt] = ()
    # What a server presented whose certificate isn't accepted.
    presented: Presented | None = None
    # Where it is shown whether the email arrives. None without a public URL, or if it was not sent.
    trip: RoundTrip | None = None

    @property
    def certificates(self) -> Sequence[CertificateFacts]:
        """The certificates that the server presented, if they aren't accepted."""
        return self.presented.certificates if self.presented else ()

    @property
    def fixes(self) -> Sequence[Candidate]:
        """The form values of everything that is offered."""
        return [self.fix.values, *(offer.values for offer in (self.presented.offers if self.presented else ()))]

    @property
    def ok(self) -> bool:
        """Whether the server accepted everything that it was asked."""
        return self.failure is None

    @property
    def host(self) -> str:
        """The server that was checked."""
        return self.settings["host"]

    @property
    def stage(self) -> Stage | None:
        """The stage that failed."""
        return Stage(self.failure.stage) if self.failure else None

    @property
    def reply(self) -> str:
        """The server's reply, if it gave the reason."""
        return self.failure.reply if self.failure else ""

    @property
    def error(self) -> str:
        """The failure in words, the server's first."""
        return describe(self.failure) if self.failure else ""

    @property
    def tried(self) -> Sequence[Attempt]:
        """The settings that were entered, and the others that were tried, if any."""
        security, port = self.settings["security"], self.settings["port"]
        seconds = sum(one.seconds for one in self.stages)
        return [Attempt({}, security, port, seconds, self.failure), *self.attempts] if self.attempts else ()

    @property
    def broken_routes(self) -> Sequence[Route]:
        """The address families with which connections waste time while another works."""
        works = any(route.error is None for route in self.routes)
        return [route for route in self.routes if works and route.wastes_time]


@dataclass
class Progress:
    """What a check is doing, for another thread to show, and its deadline, by which that thread can stop it.

    `seeks_fix` says that the check has failed, and other settings are tried.
    """

    deadline: Deadline = field(default_factory=lambda: Deadline(SECONDS))
    began: float = field(default_factory=time.monotonic)
    stages: Sequence[StageResult] = ()
    seeks_fix: bool = False

    @property
    def seconds(self) -> float:
        """How long the check has taken so far."""
        return time.monotonic() - self.began

    @property
    def steps(self) -> Sequence[Step]:
        """What the check has done so far, and does now."""
        steps = [Step(stage_label(one.stage), one.ended, one.passed, one.seconds) for one in list(self.stages)]
        return [*steps, Step(_("Try other settings"), False, False, 0.0)] if self.seeks_fix else steps
