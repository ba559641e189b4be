"""The `mailroom` command, run in this process."""

from collections.abc import Mapping, Sequence
from contextvars import Context

from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import ScriptInfo

from webapp.cli import main


def run_mailroom(
    arguments: Sequence[str], stdin: str = "", environ: Mapping[str, str | None] | None = None, app: Flask | None = None
) -> Result:
    """Run a command as in a process of its own, outside of any application context; with `app` if one is given."""

    def run() -> Result:
        if app is None:
            return CliRunner().invoke(main, arguments, input=stdin, env=environ)
        return CliRunner().invoke(main, arguments, input=stdin, env=environ, obj=ScriptInfo(create_app=lambda: app))

    return Context().run(run)
