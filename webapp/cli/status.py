"""`mailroom status`: is mail going out, and if not, since when and why."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
from flask.cli import with_appcontext

from webapp.cli.base import open_database
from webapp.cli.output import json_option, moment, print_fields, print_json
from webapp.core import clock
from webapp.monitoring.state import full_state
from webapp.outbox.server_states import Duty
from webapp.outbox.status import Flow

HEADLINES = {
    Flow.FLOWING: "Mail is going out.",
    Flow.UNCONFIRMED: "Nothing stops mail, but none was sent since the mail server was changed or a message failed.",
    Flow.LIMITED: "Mail is going out, as fast as the mail server's limits allow.",
    Flow.STOPPED: "Mail is not going out.",
    Flow.NO_WORKER: "Mail is not going out.",
    Flow.NOT_SET_UP: "Mail can't be sent yet.",
}
DUTIES = {
    Duty.SENDS: "sends",
    Duty.DEDICATED: "sends for certain senders or applications",
    Duty.STANDS_IN: "fallback",
    Duty.REPLACED: "another one sends in its place",
}


@click.command()
@json_option
@click.pass_context
@with_appcontext
def status(context: click.Context, as_json: bool) -> None:
    """Say whether mail goes out and, if not, since when and why.

    The exit code is 0 if mail goes out, 1 if it doesn't, 2 if that can't be determined.
    """
    with open_database() as database, database.read() as session:
        state = full_state(session, clock.now())
    if as_json:
        print_json(state)
    else:
        show(state)
    context.exit(0 if state["flowing"] else 1)


def show(state: Mapping[str, Any]) -> None:
    """Print the state for people."""
    click.echo(HEADLINES[Flow(state["state"])])
    diagnosis, last, limit = state["diagnosis"] or {}, state["last_sent"], state["limit"]
    undelivered = [f"{number} {name}" for name, number in state["undelivered"].items() if number]
    recipients = state["recipients"]
    print_fields(
        [
            ("Only to", None if recipients is None else ", ".join(recipients) or "nobody"),
            ("Since", _readable(state["since"])),
            ("Reason", state["reason"]),
            ("Error", state["cause"]["text"] if diagnosis else None),
            ("What to do", "\n".join(diagnosis.get("steps", ()))),
            (
                "Limit",
                f"{limit['value']} {limit['name'].replace('_', ' ')}, until {_readable(limit['until'])}"
                if limit
                else "",
            ),
            ("Last sent", f"{_readable(last['at'])} through {last['server'] or last['provider']}" if last else "never"),
            ("Mail servers", "\n".join(map(_server, state["servers"])) if len(state["servers"]) > 1 else None),
            ("Waiting", str(state["waiting"])),
            ("Last 7 days", ", ".join(undelivered)),
            ("Workers", str(state["workers"])),
        ]
    )


def _server(server: Mapping[str, Any]) -> str:
    cause = server["cause"]
    trouble = f", failing since {_readable(server['since'])}: {cause['text']}" if cause else ""
    return f"{server['name']} ({DUTIES[Duty(server['duty'])]}){trouble}"


def _readable(time: str | None) -> str:
    return f"{moment(datetime.fromisoformat(time))} UTC" if time else ""
