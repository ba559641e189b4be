"""What is counted of the deliveries: attempts, finished messages, and how long they took."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from webapp.core import counts
from webapp.core.counts import Counted
from webapp.outbox.models import AttemptResult, MessageState

# Upper bounds of the latency in seconds: from when a message was due first until the server accepted it.
LATENCIES = (0.1, 0.5, 1, 5, 15, 60, 300, 3600)
LATENCY_LABELS = (*map(str, LATENCIES), "inf")


def count_sent(session: Session, now: datetime, sent: Iterable[tuple[str, float]]) -> None:
    """Count messages that were sent: of each its kind and its latency in seconds."""
    amounts: Counter[Counted] = Counter()
    seconds = 0.0
    for kind, latency in sent:
        amounts[Counted("attempts", AttemptResult.SENT)] += 1
        amounts[Counted("finished", kind, MessageState.SENT)] += 1
        amounts[Counted("latency", latency_label(latency))] += 1
        seconds += latency
    counts.add(session, now, {**amounts, Counted("latency_sum"): seconds})


def count_attempt(session: Session, now: datetime, result: AttemptResult, stage: str) -> None:
    """Count an attempt that failed at this stage."""
    counts.add(session, now, {Counted("attempts", result, stage): 1})


def count_finished(session: Session, now: datetime, finished: Iterable[tuple[str, str]]) -> None:
    """Count messages that will not be sent any more: of each its kind and state."""
    counts.add(session, now, Counter(Counted("finished", kind, state) for kind, state in finished))


def latency_label(seconds: float) -> str:
    """Return the upper bound of the latencies that are counted together with this one."""
    return LATENCY_LABELS[bisect_left(LATENCIES, seconds)]
