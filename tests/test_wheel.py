"""The wheel, installed without a checkout, does what the checkout does."""

import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.running import Visitor, free_port, running
from webapp.core.i18n import LANGUAGES

CHECKOUT = Path(__file__).parent.parent
PASSWORD = "a quite long sentence 7"
SAME_FOLDERS = ("webapp/static", "webapp/demo", "webapp/translations")
# Compiled by Python, or for translators only.
NOT_PACKED = {".pyc", ".po"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the checkout without traces of earlier builds."""
    source = tmp_path_factory.mktemp("source")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (CHECKOUT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((CHECKOUT / name).read_bytes())
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(source), str(source))
    return next(source.glob("*.whl"))


@pytest.fixture(scope="module")
def mailroom(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Install the wheel into an environment that shares this one's dependencies, and return its `mailroom` command."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    pip("--python", str(home / "bin/python"), "install", str(wheel))
    (packages,) = home.glob("lib/python*/site-packages")
    # Python searches the folder named here, but doesn't read the .pth file in it that leads to the checkout.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return str(home / "bin/mailroom")


def test_the_wheel_contains_every_template_translation_and_static_file(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert len([name for name in packed if name.endswith("/LC_MESSAGES/messages.mo")]) == len(LANGUAGES) - 1
    for folder, place in (("templates", "webapp/templates"), *((same, same) for same in SAME_FOLDERS)):
        files = [path for path in (CHECKOUT / folder).rglob("*") if path.is_file() and path.suffix not in NOT_PACKED]
        assert {f"{place}/{path.relative_to(CHECKOUT / folder)}" for path in files} <= packed


def test_the_wheel_ships_the_types_of_the_contract_with_plugins(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert "webapp/py.typed" in archive.namelist()


def test_the_installed_application_serves_pages_and_can_be_set_up(mailroom: str, tmp_path: Path) -> None:
    options = ("--port", str(free_port()), "--processes", "1")
    with running(tmp_path, "serve", *options, command=[mailroom]) as served:
        served.wait_for("setup?key=")
        (setup,) = re.findall(r"http\S+/setup\?key=\S+", served.out)
        first = Visitor(setup)
        first.submit(setup, email="ada@mailroom.example", name="Ada", password=PASSWORD, password_confirm=PASSWORD)
        page = first.get("/settings/mail")
        assert "SendGrid" in page.text
        (style,) = re.findall(r'href="(/static/mailroom\.css[^"]*)"', page.text)
        assert first.get(style).status == 200
        assert served.stop() == 0


def pip(*arguments: str) -> None:
    options = ["--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]
    position = arguments.index("install") if "install" in arguments else 0
    command = [*arguments[: position + 1], *options, *arguments[position + 1 :]]
    subprocess.run([sys.executable, "-m", "pip", *command], check=True)
