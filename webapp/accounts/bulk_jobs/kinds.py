"""Kinds of bulk jobs: each package registers its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from flask import Flask, current_app
from flask_babel.speaklater import LazyString
from sqlalchemy.orm import Session

from webapp.accounts.bulk_jobs.models import BulkJob
from webapp.core.database import Database

EXTENSION = "mailroom.bulk_jobs"


class Chunk(NamedTuple):
    """Entries that are worked on in one transaction, and the position after them."""

    position: int
    entries: Sequence[Any]


@dataclass(frozen=True)
class Item:
    """What happened to an entry: `number` is unique within the job, `outcome` a key of the kind's outcomes."""

    number: int
    outcome: str
    email: str = ""
    email_key: str = ""
    name: str = ""
    problem: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BulkJobKind:
    """One kind of work on many users.

    `chunks` yields what is left from the job's position on, and holds no transaction open meanwhile. `process` works on
    one chunk within a transaction, and returns an item for each entry. `outcomes` are the labels of what can happen to
    an entry; `describe` puts the problem of an item into words. `number_name` is the heading of the numbers in
    reports. Items with the outcome `faulty` are listed on the page, with what is wrong with them.
    """

    name: str
    label: LazyString
    outcomes: Mapping[str, LazyString]
    chunks: Callable[[Database, BulkJob], Iterator[Chunk]]
    process: Callable[[Session, BulkJob, Chunk], list[Item]]
    describe: Callable[[dict[str, Any]], str] = str
    number_name: str = "id"
    faulty: str = ""


def register(app: Flask, kind: BulkJobKind) -> None:
    """Add a kind. Raises ValueError if its name is taken."""
    registered = app.extensions.setdefault(EXTENSION, {})
    if kind.name in registered:
        raise ValueError(f"two kinds of bulk jobs have the name {kind.name}")
    registered[kind.name] = kind


def get_kind(name: str) -> BulkJobKind:
    """Return the kind of this name. Raises KeyError."""
    return cast(dict[str, BulkJobKind], current_app.extensions.get(EXTENSION, {}))[name]
