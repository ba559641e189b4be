"""What commands print: aligned columns for people, JSON for programs."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain, islice
from typing import Any, TypeVar

import click

from webapp.core.csv_files import iso
from webapp.core.database import MAX_ID

Item = TypeVar("Item")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
# How many items of a list people get to see unless they ask for more.
SHOWN = 50
limit_option = click.option(
    "--limit",
    type=click.IntRange(0, MAX_ID),
    help=f"Show at most this many; 0 for all. Default: {SHOWN}, or all with --json.",
)
# How many rows decide how wide the columns are; a longer list is printed while it is read.
MEASURED_ROWS = 100


def clean(text: object) -> str:
    """Return a text of somebody else, such as a server's reply, without characters that a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "\ufffd" for c in str(text))


def one_line(text: object) -> str:
    """Return such a text in one line."""
    return " ".join(clean(text).split())


def moment(value: datetime | None) -> str:
    """Return a time as people read it, in UTC; empty for none."""
    return f"{value:%Y-%m-%d %H:%M:%S}" if value else ""


def to_json(value: object, indent: int | None = 2) -> str:
    """Return a value as JSON, in ASCII; times as ISO 8601 in UTC, and whatever else JSON hasn't as text."""
    return json.dumps(value, indent=indent, default=_to_plain)


def print_json(value: object) -> None:
    """Print one value."""
    click.echo(to_json(value))


def print_result(value: object, as_json: bool, *lines: str) -> None:
    """Print one value, or for people these lines."""
    if as_json:
        print_json(value)
    else:
        click.echo("\n".join(lines))


def print_json_array(items: Iterable[object]) -> None:
    """Print an array, one item in each line, while the items are read."""
    separator = "["
    for item in items:
        click.echo(f"{separator}\n{to_json(item, indent=None)}", nl=False)
        separator = ","
    click.echo("[]" if separator == "[" else "\n]")


def print_csv(pieces: Iterable[str]) -> None:
    """Print the pieces of a CSV file, in UTF-8 whatever the terminal has."""
    for piece in pieces:
        click.echo(piece.encode(), nl=False)


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns under a header. The last column is as long as it is."""
    lines = ([one_line(cell) for cell in row] for row in rows)
    first = list(islice(lines, MEASURED_ROWS))
    widths = [max(len(row[number]) for row in [list(header), *first]) for number in range(len(header) - 1)]
    for row in chain([[name.upper() for name in header]], first, lines):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values, each pair in a line of its own; what is empty is left out."""
    shown = [(name, clean(value)) for name, value in fields if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0) + 2
    for name, value in shown:
        click.echo(f"{name + ':':{width}}{value.replace(chr(10), chr(10) + ' ' * width)}")


def print_list(
    items: Iterator[Item],
    as_json: bool,
    limit: int | None,
    header: Sequence[str],
    to_row: Callable[[Item], Sequence[object]],
    to_data: Callable[[Item], object],
) -> None:
    """Print a list while it is read, newest first: a table, or with `as_json` an array.

    `limit` is as in `limit_option`. Without one, a line on standard error says that there are more items.
    """
    most = (None if as_json else SHOWN) if limit is None else (limit or None)
    shown = islice(items, most)
    if as_json:
        print_json_array(map(to_data, shown))
    else:
        print_table(header, map(to_row, shown))
    if limit is None and not as_json and next(items, None) is not None:
        click.echo(f"The newest {most} are shown; --limit 0 shows all.", err=True)


def _to_plain(value: Any) -> str:
    if isinstance(value, datetime):
        return iso(value)
    return value.isoformat() if isinstance(value, date) else str(value)
