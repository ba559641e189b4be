"""Run benchmarks and print a table: all of them, or the groups that are named.

`python -m tests.bench kills --kills 300 --database postgresql` kills the worker more often than usual.
"""

import argparse
import logging
from collections.abc import Callable

from tests.bench import api, delivery, importing, kills, latency, pages, scale, submission, table

GROUPS: dict[str, Callable[[], None]] = {
    "delivery": delivery.measure,
    "latency": latency.measure,
    "kills": kills.measure,
    "importing": importing.measure,
    "scale": scale.measure,
    "pages": pages.measure,
    "api": api.measure,
    "submission": submission.measure,
}


def main() -> None:
    """Print a row for each measurement as it finishes."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], help="all of them if none is named")
    parser.add_argument("--kills", type=int, default=kills.KILLS, help="how often the worker is killed")
    stores = ["sqlite", "postgresql", "redis"]
    parser.add_argument("--database", choices=stores, default="sqlite", help="of kills and scale; redis: of kills only")
    parser.add_argument("--idle", type=float, default=0, help="seconds without a message before latency is measured")
    asked = parser.parse_args()
    if asked.database == "redis" and asked.groups != ["kills"]:
        parser.error("redis is for kills only")
    logging.disable()
    table.head()
    for name in asked.groups or GROUPS:
        if name == "kills":
            kills.measure(asked.kills, asked.database)
        elif name == "latency":
            latency.measure(asked.idle)
        elif name == "scale":
            scale.measure(asked.database)
        else:
            GROUPS[name]()


if __name__ == "__main__":
    main()
