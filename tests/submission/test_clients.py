"""The examples in docs/connect-an-application.md, run with the libraries that people use."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from tests.support.applications import IDENTIFIER, SECRET
from tests.support.examples import example, run_example

pytestmark = pytest.mark.one_database

Run = Callable[..., None]
NODEMAILER = "nodemailer@10"
# Django reads its settings from a module; here, from the variables of the example.
CONFIGURE_DJANGO = """
from django.conf import settings
settings.configure(**{name: value for name, value in globals().items() if name.isupper()})
"""


@pytest.fixture
def run(port: int, accepted: Callable[[], list[tuple[str, list[str], bytes]]]) -> Run:
    """Run an example against the server, and check that it handed in the email."""

    def run_and_check(*command: str, **environ: str) -> None:
        run_example(*(part.replace("2525", str(port)) for part in command), **environ)
        [(sender, recipients, content)] = accepted()
        email = message_from_bytes(content, policy=default)
        assert (sender, recipients) == ("orders@shop.example", ["ada@people.example"])
        assert (email["From"], email["Subject"]) == ("Shop <orders@shop.example>", "Your order")
        assert email.get_content().strip() == "It has been shipped."

    return run_and_check


@pytest.fixture
def node_modules(request: pytest.FixtureRequest) -> Path:
    """The folder with nodemailer, which is kept for the next run."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder: Path = request.config.cache.mkdir(NODEMAILER)
    if not (folder / "node_modules" / "nodemailer").is_dir():
        options = ["--no-save", "--no-audit", "--no-fund", "--fetch-retries=0", "--prefix", str(folder)]
        if subprocess.run(["npm", "install", *options, NODEMAILER], capture_output=True, timeout=120).returncode:
            pytest.skip("npm can't install nodemailer here")
    return folder / "node_modules"


def test_flask_mail_hands_in_email(run: Run) -> None:
    run(sys.executable, "-c", example("flask-mail"))


def test_django_hands_in_email(run: Run) -> None:
    run(sys.executable, "-c", example("django-settings") + CONFIGURE_DJANGO + example("django"))


def test_nodemailer_hands_in_email(run: Run, node_modules: Path) -> None:
    run("node", "-e", example("nodemailer"), NODE_PATH=str(node_modules))


def test_sendmail_hands_in_email(run: Run, port: int, tmp_path: Path) -> None:
    secret, config = tmp_path / "secret", tmp_path / "sendmail.toml"
    secret.write_text(SECRET)
    settings = example("sendmail-settings").replace("2525", str(port)).replace("app_…", IDENTIFIER)
    config.write_text(settings.replace("/etc/mailroom/sendmail-secret", str(secret)))
    run("sh", "-c", example("sendmail"), MAILROOM_SENDMAIL_CONFIG=str(config))
