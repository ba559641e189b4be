"""The provider in docs/writing-a-provider.md really sends, as a file and as an installed package."""

import hashlib
import hmac
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import webapp.providers
from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.inbox import SENDER, Inbox, running_inbox
from tests.support.scripted import ScriptedServer
from webapp.core.app_state import AppState
from webapp.mail.server_page.forms import RESERVED
from webapp.providers import Failure
from webapp.providers.hookspecs import Hooks
from webapp.providers.registry import load_providers

pytestmark = pytest.mark.one_database

DOCS = Path(__file__).parents[2] / "docs" / "writing-a-provider.md"
SECRET = "the secret of the key"
SIGNATURE = hmac.new(SECRET.encode(), b"us", hashlib.sha256).hexdigest()
PAGE = "/settings/mail"


def example(number: int = 0) -> str:
    """Return one of the providers in the documentation."""
    found: list[str] = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return found[number]


@pytest.fixture
def config_values(tmp_path: Path) -> dict[str, Any]:
    """Put the example into the plugin folder."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "acme.py").write_text(example())
    return {"plugin_dir": str(folder)}


@pytest.fixture
def acme(authority: Authority) -> Iterator[Inbox]:
    """Acme's mail server, which accepts one key with its signature for America."""
    with running_inbox(authority, username="AKEY", password=SIGNATURE) as inbox:
        yield inbox


def fields(server: Inbox | ScriptedServer, **more: str) -> dict[str, Any]:
    """Return what an administrator enters."""
    own = {"provider": "acme", "username": "AKEY", "access_secret": SECRET, "region": "us"}
    return (
        own | {"mail_from": SENDER, "host": server.host, "port": server.port, "test_recipient": "e@acme.example"} | more
    )


def test_the_example_shows_its_fields_and_sends(administrator: Browser, acme: Inbox) -> None:
    page = administrator.submit(PAGE, "choose", provider="acme")
    assert "Where the key was created." in page.text
    assert 'value="smtp.{region}.acme.example"' in page.text
    answer = administrator.submit_on(page, "test", **fields(acme))
    assert "The test email was sent" in answer.text
    assert acme.last.username == "AKEY"
    assert SECRET not in answer.text


def test_its_secret_is_required_until_it_is_saved(administrator: Browser, acme: Inbox) -> None:
    page = administrator.submit(PAGE, "choose", provider="acme")
    assert (
        "Enter a value for “Secret of the access key”."
        in administrator.submit_on(page, "save", **fields(acme, access_secret="")).text
    )
    assert "Saved and in use." in administrator.submit_on(page, "save", **fields(acme)).text
    assert "Saved and in use." in administrator.submit(PAGE, "save", access_secret="", timeout="20").text


def test_its_region_is_part_of_the_host(administrator: Browser, acme: Inbox) -> None:
    page = administrator.submit(PAGE, "choose", provider="acme")
    answer = administrator.submit_on(page, "test", **fields(acme, host="{region}.acme.invalid"))
    assert "The host name could not be found." in answer.text
    assert "host: us.acme.invalid" in answer.text


@pytest.mark.parametrize(
    ("replies", "text"),
    [
        ({"AUTH": "535 5.7.8 Unknown key AKEY"}, "does not know this access key"),
        ({"MAIL": "550 5.7.1 No"}, "Acme sends only from acme.example."),
    ],
)
def test_its_diagnoses_are_shown(
    replies: dict[str, str], text: str, administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    page = administrator.submit(PAGE, "choose", provider="acme")
    answer = administrator.submit_on(page, "test", **fields(scripted(replies, tls="starttls")))
    assert text in answer.text


def test_its_check_warns_where_the_server_accepts_email(
    administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    server, form = scripted(), administrator.submit(PAGE, "choose", provider="acme")
    for username, warns in (("AKEY", False), ("TEST1", True)):
        page = administrator.submit_on(form, "check", **fields(server, security="none", username=username))
        assert "The mail server accepts email." in page.text
        assert ("This is a key for Acme&#39;s sandbox" in page.text) is warns


def test_a_separately_installed_package_brings_a_provider(tmp_path: Path) -> None:
    (tmp_path / "mailroom_acme.py").write_text(example())
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "mailroom-acme"\nversion = "1"\n'
        '[project.entry-points."mailroom.providers"]\nacme = "mailroom_acme"\n'
        '[tool.setuptools]\npy-modules = ["mailroom_acme"]\n'
    )
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([*pip, str(tmp_path)], check=True)
    program = (
        "from webapp.providers.registry import load_providers; print([str(one.label) for one in load_providers([])])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(target)}, capture_output=True, text=True, check=True
    )
    assert "Acme Mail" in run.stdout


def test_the_documentation_mentions_every_hook_and_every_part() -> None:
    text = DOCS.read_text()
    hooks = [name for name, value in vars(Hooks).items() if inspect.isfunction(value)]
    assert [name for name in (*hooks, *webapp.providers.__all__) if f"`{name}" not in text and name != "hookimpl"] == []


def test_the_example_is_short(tmp_path: Path) -> None:
    (tmp_path / "acme.py").write_text(example())
    assert "acme" in load_providers([tmp_path], RESERVED)
    assert len([line for line in example().splitlines() if line.strip()]) < 70


def test_the_example_with_oauth2_is_a_provider_with_two_grants(tmp_path: Path) -> None:
    (tmp_path / "acme.py").write_text(example(1))
    provider = load_providers([tmp_path], RESERVED)["acme-oauth2"]
    assert [way.key for way in provider.authentication_methods] == [
        "password",
        "authorization_code",
        "client_credentials",
    ]
    method = provider.authentication_named("client_credentials")
    assert method is not None
    assert list(method.fields) == ["username", "client_id", "client_secret", "tenant_id"]
    refused = Failure(stage="token", reply="invalid_grant The sign-in has ended.")
    assert provider.diagnose(refused, "client_credentials") is not None
    assert provider.diagnose(refused, "password") is None


def test_a_secret_field_of_a_plugin_is_not_carried_to_a_suggested_host(
    administrator: Browser, acme: Inbox, state: AppState
) -> None:
    page = administrator.post(PAGE, **fields(acme, shown_provider="acme", apply="host=elsewhere.example"))
    found = re.search(r'name="carried_secrets"[^>]*value="([^"]+)"', page.text)
    assert found is not None
    carried = json.loads(state.sealer.open(found[1], "carried secrets"))
    assert (carried["secrets"], carried["destination"]["host"]) == ({"access_secret": SECRET}, acme.host)
