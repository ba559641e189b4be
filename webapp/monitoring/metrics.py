"""Metrics for Prometheus, read from the database: every process shows the same.

What is counted comes from the counts, not from the messages, so that asking costs the same however many there are.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.applications.usage import REFUSALS
from webapp.core import counts, workers
from webapp.core.counts import Counted
from webapp.mail.expiry import service as expiries
from webapp.monitoring.dashboard import LATENCY_BOUNDS
from webapp.outbox.claims import IS_QUEUED
from webapp.outbox.models import AttemptResult, Message, MessageState
from webapp.outbox.server_states import server_states
from webapp.outbox.status import delivery_status

# Counted from 0, so that the first one is seen as an increase.
STARTING = (
    Counted("attempts", AttemptResult.SENT),
    Counted("refreshes", "refreshed"),
    Counted("refreshes", "failed"),
)


def render(session: Session, now: datetime) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(MailCollector(session, now))
    return generate_latest(registry)


class MailCollector(Collector):
    """Reads the metrics when they are asked for."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def describe(self) -> list[Metric]:
        """Describe nothing beforehand: that would read everything twice."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return all metrics."""
        yield from self._present()
        yield from self._counted()
        yield self._expiries()

    def _present(self) -> Iterator[Metric]:
        status = delivery_status(self._session, self._now)
        messages = GaugeMetricFamily(
            "mailroom_messages", "Messages that wait or are being sent, by state.", labels=["state"]
        )
        for state, number in self._unfinished().items():
            messages.add_metric([state], number)
        yield messages
        age = (self._now - status.waiting_since).total_seconds() if status.waiting_since else 0
        yield GaugeMetricFamily("mailroom_oldest_message_seconds", "Age of the oldest of them.", value=max(0, age))
        yield GaugeMetricFamily(
            "mailroom_mail_flowing", "0 if no email can go out at present, else 1.", value=int(not status.is_stopped)
        )
        yield self._troubles()
        yield GaugeMetricFamily(
            "mailroom_workers", "Workers that are running.", value=workers.count(self._session, self._now)
        )

    def _troubles(self) -> Metric:
        troubles = GaugeMetricFamily(
            "mailroom_mail_server_in_trouble", "1 while a mail server fails and another one may send, else 0.",
            labels=["server"],
        )  # fmt: skip
        for server in server_states(self._session).servers:
            troubles.add_metric([server.name], int(server.failure is not None))
        return troubles

    def _unfinished(self) -> dict[str, int]:
        due = func.count().filter(Message.next_attempt_at <= self._now)
        queued = select(due, func.count()).where(IS_QUEUED)
        sending = select(func.count()).where(Message.state == MessageState.SENDING)
        due_now, all_queued = self._session.execute(queued).one()
        return {"due": due_now, "scheduled": all_queued - due_now, "sending": self._session.scalar(sending) or 0}

    def _counted(self) -> Iterator[Metric]:
        found = dict.fromkeys(STARTING, 0.0)
        found |= counts.totals(self._session, "attempts", "finished", "latency", "latency_sum", "refreshes", REFUSALS)
        attempts = CounterMetricFamily(
            "mailroom_attempts", "Attempts to send a message, by result and failed stage.", labels=["result", "stage"]
        )
        finished = CounterMetricFamily(
            "mailroom_finished_messages", "Messages that are not sent any more, by kind and state.",
            labels=["kind", "state"],
        )  # fmt: skip
        refreshes = CounterMetricFamily(
            "mailroom_token_refreshes", "Access tokens refreshed at the provider, or not, by result.", labels=["result"]
        )
        refusals = CounterMetricFamily(
            "mailroom_submission_refusals", "Refusals of the SMTP server, by reason.", labels=["reason"]
        )
        reasons: Counter[str] = Counter()
        for (measure, subject, detail), total in sorted(found.items()):
            if measure == "attempts":
                attempts.add_metric([subject, detail], total)
            elif measure == "finished":
                finished.add_metric([subject, detail], total)
            elif measure == "refreshes":
                refreshes.add_metric([subject], total)
            elif measure == REFUSALS:
                # Of all applications; their detail is the id of one.
                reasons[subject] += int(total)
        for reason, number in reasons.items():
            refusals.add_metric([reason], number)
        yield from (attempts, finished, refreshes, refusals)
        numbers = accumulate(found.get(Counted("latency", bound), 0.0) for bound in LATENCY_BOUNDS)
        names = ("+Inf" if bound == "inf" else bound for bound in LATENCY_BOUNDS)
        yield HistogramMetricFamily(
            "mailroom_delivery_seconds", "Time from when a message was due first until the mail server accepted it.",
            buckets=list(zip(names, numbers, strict=True)),
            sum_value=found.get(Counted("latency_sum"), 0.0),
        )  # fmt: skip

    def _expiries(self) -> Metric:
        dates = GaugeMetricFamily(
            "mailroom_expiry_timestamp_seconds", "When something that a mail server needs expires.",
            labels=["what", "server"],
        )  # fmt: skip
        for expiry in expiries.of_all(self._session, self._now):
            if expiry.expires_at is not None:
                dates.add_metric([expiry.subject, expiry.server], expiry.expires_at.timestamp())
        return dates
