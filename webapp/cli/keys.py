"""`mailroom upgrade` and `mailroom rotate-keys`: the database and what is encrypted in it."""

import click
from flask.cli import with_appcontext

from webapp.cli.base import changed_database, echo, upgraded_database
from webapp.cli.output import json_option, print_json
from webapp.core.app_state import app_state
from webapp.core.config import Config
from webapp.core.keys import rotation


@click.command()
@with_appcontext
def upgrade() -> None:
    """Upgrade the database schema."""
    with upgraded_database():
        pass
    echo("The database schema is up to date.")


@click.command("rotate-keys")
@click.option("--drop-old", is_flag=True, help="Delete the old keys immediately; everyone has to sign in again.")
@click.option(
    "--drop-lost",
    is_flag=True,
    help="Delete keys that the secret key can't decrypt, and with them everything they encrypted.",
)
@json_option
@with_appcontext
def rotate_keys(drop_old: bool, drop_lost: bool, as_json: bool) -> None:
    """Encrypt and sign everything with a new key.

    Nothing has to be restarted.
    """
    with changed_database() as database:
        config, keyring = app_state().config, app_state().keyring
        forgotten = rotation.forget_lost_keys(database, config) if drop_lost else 0
        if drop_lost and not as_json:
            echo(f"Deleted keys that the secret key can't decrypt: {forgotten}.")
        outcome = rotation.rotate(database, config, keyring, drop_old)
    if as_json:
        found = {"key": outcome.key, "reencrypted": outcome.resealed, "left": outcome.left, "lost": outcome.lost}
        print_json({**found, "complete": outcome.complete, "lost_keys_deleted": forgotten})
        click.get_current_context().exit(0 if outcome.complete else 1)
    echo(*rotation_summary(outcome, config, drop_old))
    if not outcome.complete:
        raise click.ClickException("Not complete: no old key was deleted. Fix the above and run this command again.")


def rotation_summary(outcome: rotation.RotationResult, config: Config, dropped: bool) -> list[str]:
    """Say what a rotation did, and what is left to do."""
    lines = [f"Key {outcome.key} is now in use, in all processes."]
    lines += [f"Re-encrypted in {table}: {number}." for table, number in outcome.resealed.items()]
    lines += [f"Still encrypted with an old key: {row}" for row in outcome.left]
    lines += [f"Can't be decrypted with any key and has to be entered again: {row}" for row in outcome.lost]
    if outcome.complete and dropped:
        lines.append("All saved secrets use the new key. The old keys were deleted; everyone has to sign in again.")
    elif outcome.complete:
        lines.append("All saved secrets use the new key. Sessions and open forms still work with the old keys.")
    return [*lines, secret_key_hint(config)]


def secret_key_hint(config: Config) -> str:
    """Say what happened to the secret key, which encrypts the other keys."""
    if config.owns_secret_key:
        return f"The secret key in {config.secret_key_file} was replaced, too."
    if len(config.secret_keys) > 1:
        return "All keys are encrypted with the first secret key. Remove the others from MAILROOM_SECRET_KEY."
    return (
        "The secret key was not changed. To change it, set MAILROOM_SECRET_KEY to `new,old` for every process"
        " (a file is reread automatically) and run this command again."
    )
