"""Run all benchmarks and print a table."""

import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import measures
from tests.bench.importing import importing
from tests.bench.sink import Sink, running_sink
from tests.bench.site import Site
from webapp.accounts.models import Role


def main() -> None:
    """Print a row for each measurement as it finishes."""
    logging.disable()
    say("| measured | Mailroom | compared with | ratio | target |")
    say("|---|---|---|---|---|")
    with fresh() as (site, _sink):
        page = measures.sign_in_page(site)
        row("sign-in page, requests/s", f"{page.ours:,.0f}", f"bare page {page.other:,.0f}", page.ratio, "≥ 0.25")
    for role in (Role.MEMBER, Role.ADMINISTRATOR):
        with fresh() as (site, _sink):
            home = measures.signed_in_page(site, role)
            bare = f"bare page {home.other:,.0f}"
            row(f"Home of a signed-in {role}, requests/s", f"{home.ours:,.0f}", bare, home.ratio, "≥ 0.25")
    with fresh() as (site, _sink):
        for who, took in zip(("a user", "nobody"), measures.signing_in(site), strict=True):
            ours, check = f"{took.ours * 1000:.1f}", f"argon2 check {took.other * 1000:.1f}"
            row(f"signing in as {who}, ms", ours, check, took.ratio, "≤ 1.30")
    with fresh() as (site, _sink):
        users = measures.users_page(site)
        few = f"a thousand {users.other * 1000:.1f}"
        row("users page with a million users, ms", f"{users.ours * 1000:.1f}", few, users.ratio, "≤ 1.50")
    with fresh() as (site, _sink):
        asked = measures.forgot_password(site)
        known, unknown = f"known {asked.ours * 1000:.2f}", f"unknown {asked.other * 1000:.2f}"
        row("requesting a reset, by address, ms", known, unknown, asked.ratio, "0.95 to 1.05")
    with fresh() as (site, sink):
        wait = measures.post_to_data(site, sink)
        row("requesting a reset until DATA of its email, ms", f"{wait * 1000:.0f}", "", None, "< 150")
    with fresh() as (site, sink):
        sent = measures.deliver(site, sink)
        row("outbox, emails/s", f"{sent.ours:,.0f}", f"smtplib, prebuilt {sent.other:,.0f}", sent.ratio, "")
    with fresh() as (site, sink):
        oauth2 = measures.oauth2(site, sink)
        cost = oauth2.other / oauth2.ours
        row("emails/s with OAuth2", f"{oauth2.ours:,.0f}", f"with a password {oauth2.other:,.0f}", cost, "≤ 1.05")
    with fresh() as (site, _sink):
        people = importing(site)
        few, growth = f"a thousand {people.memory_of_few / 2**20:.0f}", people.memory / people.memory_of_few
        row("importing 100,000 people, people/s", f"{people.rate:,.0f}", "", None, "≥ 3,000")
        row("its peak memory, MiB", f"{people.memory / 2**20:.0f}", few, growth, "≤ 1.30")


def row(what: str, ours: str, other: str, ratio: float | None, target: str) -> None:
    """Print one row of the table."""
    say(f"| {what} | {ours} | {other} | {'' if ratio is None else f'{ratio:.2f}'} | {target} |")


@contextmanager
def fresh() -> Iterator[tuple[Site, Sink]]:
    """Prepare a new site for one measurement."""
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as folder, running_sink() as sink:
        site = Site.prepared(Path(folder), sink.port)
        yield site, sink
        site.database.engine.dispose()


def say(line: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
