"""The `mailroom` command: one module for each group of commands."""

import os
import sys
from io import TextIOWrapper

import click

from webapp.cli.group import Commands
from webapp.core.version import VERSION
from webapp.process.supervisor import exit_with_supervisor


@click.group(cls=Commands, context_settings={"max_content_width": 100})
@click.version_option(VERSION, message="mailroom %(version)s")
def main() -> None:
    """Mailroom sends the email of applications, and manages their users.

    It is configured with environment variables named MAILROOM_…; the README lists them.
    """
    # So that a terminal that isn't UTF-8 shows a question mark for what it hasn't got.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    # Files hold password hashes and email addresses, so only this user may read them.
    os.umask(0o077)
    exit_with_supervisor()
