"""Measure everything and print a table."""

import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import measures
from tests.bench.sink import Sink, running_sink
from tests.bench.site import Site
from webapp.accounts.models import Role


def main() -> None:
    """Print a line for each measurement as it is done."""
    logging.disable()
    say("| what | Mailroom | compared with | ratio | target |")
    say("|---|---|---|---|---|")
    with fresh() as (site, _sink):
        page = measures.sign_in_page(site)
        row("sign-in page, requests/s", f"{page.ours:,.0f}", f"bare page {page.other:,.0f}", page.ratio, "≥ 0.60")
    for role in (Role.MEMBER, Role.ADMINISTRATOR):
        with fresh() as (site, _sink):
            home = measures.signed_in_page(site, role)
            bare = f"bare page {home.other:,.0f}"
            row(f"Home of a signed-in {role}, requests/s", f"{home.ours:,.0f}", bare, home.ratio, "≥ 0.33")
    with fresh() as (site, _sink):
        for who, took in zip(("a person", "nobody"), measures.signing_in(site), strict=True):
            ours, check = f"{took.ours * 1000:.1f}", f"argon2 check {took.other * 1000:.1f}"
            row(f"signing in as {who}, ms", ours, check, took.ratio, "≤ 1.30")
    with fresh() as (site, _sink):
        users = measures.users_page(site)
        few = f"a thousand {users.other * 1000:.1f}"
        row("users page with a million people, ms", f"{users.ours * 1000:.1f}", few, users.ratio, "≤ 1.50")
    with fresh() as (site, _sink):
        asked = measures.forgot_password(site)
        known, unknown = f"known {asked.ours * 1000:.2f}", f"unknown {asked.other * 1000:.2f}"
        row("asking for a reset, by address, ms", known, unknown, asked.ratio, "0.95 to 1.05")
    with fresh() as (site, sink):
        wait = measures.post_to_data(site, sink)
        row("asking for a reset to DATA of its mail, ms", f"{wait * 1000:.0f}", "", None, "< 150")
    with fresh() as (site, sink):
        sent = measures.drain(site, sink)
        row("outbox, mails/s", f"{sent.ours:,.0f}", f"smtplib, prebuilt {sent.other:,.0f}", sent.ratio, "")
    with fresh() as (site, sink):
        signed_in = measures.signed_in_by(site, sink)
        cost = signed_in.other / signed_in.ours
        row("mails/s with OAuth2", f"{signed_in.ours:,.0f}", f"with a password {signed_in.other:,.0f}", cost, "≤ 1.05")


def row(what: str, ours: str, other: str, ratio: float | None, target: str) -> None:
    """One line of the table."""
    say(f"| {what} | {ours} | {other} | {'' if ratio is None else f'{ratio:.2f}'} | {target} |")


@contextmanager
def fresh() -> Iterator[tuple[Site, Sink]]:
    """A site of its own for each measurement."""
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as folder, running_sink() as sink:
        site = Site.prepared(Path(folder), sink.port)
        yield site, sink
        site.database.engine.dispose()


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
