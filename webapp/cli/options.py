"""Options that hold what a form of the pages holds: the form checks them, so that both accept the same."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click
from werkzeug.datastructures import MultiDict

from webapp.web.forms import Form

Command = TypeVar("Command", bound=Callable[..., Any])


class BadOptions(click.UsageError):
    """What is wrong with options: one sentence for each, after the option's name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{name}: {problem}" if name else problem for name, problem in problems.items()))


def options(*given: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds several options to a command, in this order."""

    def add(command: Command) -> Command:
        for one in reversed(given):
            command = one(command)
        return command

    return add


def form_data(values: Mapping[str, Any]) -> MultiDict[str, str]:
    """Return the options that were given, as a form that was posted."""
    return MultiDict({name: str(value) for name, value in values.items() if value is not None})


def require_valid(form: Form, names: Mapping[str, str] = {}) -> None:
    """Check a form. Raises BadOptions; `names` has those of options that aren't named like their field."""
    if not form.validate():
        raise BadOptions(problems_of(form, names))


def require_known(name: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise BadOptions for the first value of an option that isn't known; it names those that are."""
    names = sorted(known)
    for unknown in [one for one in given if one not in names][:1]:
        raise BadOptions({name: f"There is no {unknown}. There are: {', '.join(names)}."})


def problems_of(form: Form, names: Mapping[str, str] = {}) -> dict[str, str]:
    """Return what is wrong with each option."""
    found = {names.get(field.name, option(field.name)): str(field.errors[0]) for field in form if field.errors}
    return {"": " ".join(map(str, form.form_errors)), **found} if form.form_errors else found


def option(field: str) -> str:
    """Return the name of the option for a form's field."""
    return "--" + field.replace("_", "-")
