"""The configuration of a process."""

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest

from webapp.core.config import PREFIX, Config, ConfigError

KEY = "more than sixteen random characters"
README = Path(__file__).parents[2] / "README.md"


def from_environment(tmp_path: Path, **environ: str) -> Config:
    return Config.from_environment({"MAILROOM_INSTANCE": str(tmp_path / "instance"), **environ})


def test_the_readme_lists_every_setting() -> None:
    listed = re.findall(r"^\| `(MAILROOM_\w+)` \|.*\| (.+) \|$", README.read_text(), re.MULTILINE)
    assert listed == [(PREFIX + field.name.upper(), field.metadata["help"]) for field in fields(Config)]


def test_without_any_setting_everything_is_in_the_instance_folder(tmp_path: Path) -> None:
    config = from_environment(tmp_path)
    assert config.database_url == f"sqlite:///{tmp_path}/instance/mailroom.sqlite"
    assert config.queue_url == f"sqlite:///{tmp_path}/instance/queue.sqlite"


def test_an_empty_variable_counts_as_missing(tmp_path: Path) -> None:
    assert from_environment(tmp_path, MAILROOM_LOG_FORMAT="").log_format == "json"


@pytest.mark.parametrize(
    ("name", "value"),
    [("database_url", "sqlite:////srv/mailroom.sqlite"), ("queue_url", "redis://:pass@queue")],
)
def test_a_secret_can_be_read_from_a_file(tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / "secret").write_text(f"{value}\n")
    config = from_environment(tmp_path, **{f"MAILROOM_{name.upper()}_FILE": str(tmp_path / "secret")})
    assert getattr(config, name) == value


def test_the_file_with_the_secret_key_is_reread_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    config = from_environment(tmp_path, MAILROOM_SECRET_KEY_FILE=str(tmp_path / "key"))
    assert (config.secret_keys, config.owns_secret_key) == ([KEY], False)
    (tmp_path / "key").write_text(f"another {KEY},{KEY}\n")
    assert config.secret_keys == [f"another {KEY}", KEY]


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^MAILROOM_SECRET_KEY_FILE: /nowhere/key cannot be read"):
        from_environment(tmp_path, MAILROOM_SECRET_KEY_FILE="/nowhere/key")


def test_a_secret_file_that_is_not_text_is_named_but_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(bytes(range(128, 192)))
    with pytest.raises(ConfigError, match=r"^MAILROOM_SECRET_KEY_FILE: .*/key is not a text file") as raised:
        from_environment(tmp_path, MAILROOM_SECRET_KEY_FILE=str(tmp_path / "key"))
    assert raised.value.__cause__ is None


def test_a_setting_that_is_not_secret_is_not_read_from_a_file(tmp_path: Path) -> None:
    assert from_environment(tmp_path, MAILROOM_DEMO_FILE="/nowhere").demo == "off"


def test_secrets_are_left_out_when_a_config_is_printed(tmp_path: Path) -> None:
    shown = repr(from_environment(tmp_path, MAILROOM_SECRET_KEY=KEY, MAILROOM_QUEUE_URL="redis://:hunter2@localhost"))
    assert KEY not in shown
    assert "hunter2" not in shown


def test_a_missing_key_is_generated_once_and_readable_only_by_its_owner(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        (first,) = from_environment(tmp_path).secret_keys
    finally:
        os.umask(umask)
    assert len(first) >= 43
    assert stat.S_IMODE((tmp_path / "instance" / "secret-key").stat().st_mode) == 0o600
    assert from_environment(tmp_path).secret_keys == [first]


def test_processes_that_start_at_the_same_time_generate_one_key(tmp_path: Path) -> None:
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        with ThreadPoolExecutor(8) as pool:
            keys = set(pool.map(lambda _: from_environment(folder).secret_keys[0], range(8)))  # noqa: B023
        assert len(keys) == 1


def test_a_crash_while_generating_a_key_leaves_no_partial_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("webapp.core.config.secrets.token_urlsafe", crash)
        with pytest.raises(KeyboardInterrupt):
            from_environment(tmp_path)
    assert len(from_environment(tmp_path).secret_keys) == 1


def test_a_database_server_requires_a_given_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MAILROOM_SECRET_KEY or MAILROOM_SECRET_KEY_FILE: required"):
        from_environment(tmp_path, MAILROOM_DATABASE_URL="postgresql://localhost/mailroom")
    assert not (tmp_path / "instance" / "secret-key").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAILROOM_SECRET_KEY", "short"),
        ("MAILROOM_SECRET_KEY", f"{KEY},short"),
        ("MAILROOM_SECRET_KEY", ","),
        ("MAILROOM_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("MAILROOM_TRUSTED_PROXIES", "everyone"),
        ("MAILROOM_NAME_SERVERS", "dns.example"),
        ("MAILROOM_NAME_SERVERS", "192.0.2.53:0"),
        ("MAILROOM_METRICS_TOKEN", "short"),
        ("MAILROOM_RATE_LIMITS", "no"),
        ("MAILROOM_LOG_FORMAT", "xml"),
        ("MAILROOM_DEMO", "true"),
        ("MAILROOM_PUBLIC_URL", "mail.example.com"),
        ("MAILROOM_PUBLIC_URL", "ftp://mail.example.com"),
        ("MAILROOM_PUBLIC_URL", "https://"),
        ("MAILROOM_PUBLIC_URL", "https://mail.example.com/mailroom"),
        ("MAILROOM_PUBLIC_URL", "https://me:secret@mail.example.com"),
        ("MAILROOM_PUBLIC_URL", "https://straße.example"),
        ("MAILROOM_PUBLIC_URL", "https://[mail"),
        ("MAILROOM_PUBLIC_URL", "https://mail.example.com:port"),
        ("MAILROOM_DATABASE_URL", "mailroom.sqlite"),
        ("MAILROOM_DATABASE_URL", "mysql://localhost/mailroom"),
        ("MAILROOM_QUEUE_URL", "amqp://localhost"),
        ("MAILROOM_SEND_ONLY_TO", "example.com, everyone!"),
        ("MAILROOM_SUBMISSION", "here"),
        ("MAILROOM_SUBMISSION", "http://127.0.0.1:25"),
        ("MAILROOM_SUBMISSION", "127.0.0.1:port"),
        ("MAILROOM_SUBMISSION_MAX_SIZE", "0"),
    ],
)
def test_an_invalid_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: "):
        from_environment(tmp_path, **{"MAILROOM_SECRET_KEY": KEY, name: value})


def test_an_instance_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("a file in its place")
    with pytest.raises(ConfigError, match=r"^MAILROOM_INSTANCE: "):
        from_environment(tmp_path)


def test_a_port_that_begins_with_tls_needs_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^MAILROOM_SUBMISSION_CERTIFICATE: required"):
        from_environment(tmp_path, MAILROOM_SUBMISSION="127.0.0.1:2525, smtps://127.0.0.1:465")
