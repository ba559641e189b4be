"""The replies that the tests know, each with its stages and its cause."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Known(NamedTuple):
    """One reply at one stage; `origin` is its number in the catalogue, or the program or service that says it."""

    origin: str
    stage: str
    reply: str
    cause: str


def load(name: str) -> Iterator[Known]:
    """Yield the replies of a file beside this one, at each of their stages."""
    rows = tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))["replies"]
    for origin, stages, reply, cause in rows:
        for stage in stages.split():
            yield Known(origin, stage, reply, cause)


class Collected(NamedTuple):
    """A reply of `collected.toml`: the cause and further ones that are as right, and whether a retry helps."""

    origin: str
    stage: str
    reply: str
    causes: list[str]
    retry_helps: bool


def collected() -> list[Collected]:
    """Return the replies that were collected and labeled before their collector read the rules."""
    rows = tomllib.loads(Path(__file__).with_name("collected.toml").read_text(encoding="utf-8"))["replies"]
    return [Collected(origin, stage, reply, causes.split(), helps) for origin, stage, reply, causes, helps in rows]
