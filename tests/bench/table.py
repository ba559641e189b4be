"""The table that is printed, and what its rows compare."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True)
class Compared:
    """Two medians."""

    ours: float
    other: float

    @property
    def ratio(self) -> float:
        """Our median divided by the other."""
        return self.ours / self.other


def head() -> None:
    """Print the head of the table."""
    say("| measured | Mailroom | compared with | ratio | target |")
    say("|---|---|---|---|---|")


def row(what: str, ours: str, other: str, ratio: float | None, target: str) -> None:
    """Print one row of the table."""
    say(f"| {what} | {ours} | {other} | {'' if ratio is None else f'{ratio:.2f}'} | {target} |")


def say(line: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that this many percent of the values don't exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]
