"""How many emails the HTTP API accepts, each committed, compared with a bare endpoint that parses the same JSON."""

import json
from statistics import median

from tests.bench.load import posts_per_second
from tests.bench.pages import ROUNDS, fresh
from tests.bench.site import Site, bare_page
from tests.bench.table import Compared, row
from tests.support.applications import SECRET, add_application

EMAIL = json.dumps(
    {
        "from": {"email": "orders@shop.example", "name": "Shop"},
        "to": ["Ada Lovelace <ada@people.example>"],
        "subject": "Your order 1815 has been shipped",
        "text": "It arrives on Thursday.\n" * 20,
        "html": "<p>It arrives on Thursday.</p>\n" * 20,
    }
)


def measure() -> None:
    """Print the rows of this group."""
    with fresh() as (site, _sink):
        accepted = messages(site)
        bare = f"bare endpoint {accepted.other:,.0f}"
        row("POST /messages, requests/s", f"{accepted.ours:,.0f}", bare, accepted.ratio, "≥ 0.3")


def messages(site: Site) -> Compared:
    """Measure accepted emails per second, and requests per second of the bare endpoint, in turns."""
    add_application(site.database)
    authorization = f"Authorization: Bearer {SECRET}\r\n"
    ours, bare = [], []
    with site.web() as our_port, bare_page() as bare_port:
        posts_per_second(our_port, "/api/v1/messages", EMAIL, authorization, seconds=1)
        posts_per_second(bare_port, "/messages", EMAIL, seconds=1)
        for _ in range(ROUNDS):
            ours.append(posts_per_second(our_port, "/api/v1/messages", EMAIL, authorization))
            bare.append(posts_per_second(bare_port, "/messages", EMAIL))
    return Compared(median(ours), median(bare))
