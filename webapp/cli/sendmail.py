"""`mailroom sendmail`. It imports nothing of the application; see `submission.sendmail`."""

import click

from webapp.submission import sendmail as program


class AsGiven(click.Command):
    """A command that reads its arguments itself: click would take `--` away."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments in the context."""
        ctx.args = args
        return []


@click.command(cls=AsGiven)
@click.pass_context
def sendmail(context: click.Context) -> None:
    """Hand in an email, as /usr/sbin/sendmail does.

    `mailroom sendmail --help` lists the options.
    """
    context.exit(program.main(context.args))
