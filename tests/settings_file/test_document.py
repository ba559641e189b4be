"""What is wrong with a file is said: where, what, and what is allowed, and never with a secret in it."""

import os
import time
from pathlib import Path

import pytest

from tests.settings_file.conftest import Problems
from webapp.settings_file.document import KeyPath, line_of

SECRET = "correct horse battery staple"
SERVER = """[[mail_servers]]
provider = "custom"
mail_from = "post@post.example"
host = "smtp.post.example"
authentication = "password"
username = "post"
"""
pytestmark = pytest.mark.one_database


# Content → what is said about it.
WRONG = [
    (
        '[general]\nproduct = "Post"',
        "line 2, general.product: There is no such setting. Did you mean product_name?",
    ),
    ("[generel]", "line 1, generel: There is no such setting. Did you mean general?"),
    ("[general]\nproduct_name = 1", "line 2, general.product_name: Write a text in quotes, not a whole number."),
    ("[general]\nproduct_name = 2026-11-30", "Write a text in quotes, not a date such as"),
    ('[general]\npublic_url = "mail.example.com"', "line 2, general.public_url: Enter https://"),
    (
        '[general]\nsend_to = "domains"',
        "line 1, general.send_to_domains: Enter the domains that get email. It isn't in",
    ),
    (
        '[general]\nsend_to = "me"',
        "line 2, general.send_to: Not a valid choice. Allowed are: everyone, domains, nobody.",
    ),
    (
        "[security]\n\nlockout_threshold = 1",
        "line 3, security.lockout_threshold: Enter a whole number from 3 to 100",
    ),
    ("[security]\nlockout_threshold = true", "Write a whole number, not true or false."),
    (
        "[security]\nlockout_minutes = 2000",
        "line 2, security.lockout_minutes: Enter a time from 1 minute to 1 day.",
    ),
    ("general = 1", "line 1, general: Write it as a table: [general]."),
    ("[mail_servers]", "line 1, mail_servers: Write each as a table: [[mail_servers]]."),
    ("[general\n", "It is not valid TOML"),
    ("[general]\n[general]", "It is not valid TOML"),
    (f"a = {'9' * 5000}", "It is not valid TOML"),
    (f"a = {'[' * 100_000}", "It is not valid TOML"),
    (f"# {'x' * 200_000}", "is larger than 128 KB"),
    (SERVER.replace('"custom"', '"gogle"'), "mail_servers[1].provider: There is no such provider. Allowed are: "),
    (SERVER, "mail_servers[1].password: Enter a value for “Password”. Write { file ="),
    (SERVER.replace("custom", "sendgrid") + SERVER, "line 7, mail_servers[2].name: Give it a name"),
    (f'{SERVER}security = "ssl"', "Choose one of the options. Allowed are: starttls, tls, none."),
    ('[[mail_servers]]\nhost = "a.example"', "line 1, mail_servers[1].provider: Set it."),
]


def test_an_error_says_where_it_is_and_what_is_allowed(problems: Problems) -> None:
    for content, expected in WRONG:
        found = problems(content)
        assert any(expected in problem for problem in found), found


def test_all_errors_are_reported_at_once_in_the_order_of_the_lines(problems: Problems) -> None:
    content = '[security]\nlockout_threshold = 1\n[general]\nsupport_address = "help"\nnone = 1'
    assert [problem.partition(":")[0] for problem in problems(content)] == [
        "line 2, security.lockout_threshold", "line 4, general.support_address", "line 5, general.none",
    ]  # fmt: skip


# A secret in the file → what is said about it.
WRONG_SECRETS = [
    (f'"{SECRET}"', "A secret can't be written into this file"),
    ('{ env = "NOT_THERE" }', "The environment variable NOT_THERE is not set."),
    ('{ env = "BLANK" }', "The environment variable BLANK is empty."),
    ('{ file = "nowhere" }', "nowhere can't be read (No such file or directory)."),
    ('{ file = "." }', "can't be read (Is a directory)."),
    ('{ file = "/dev/zero" }', "/dev/zero is not a file."),
    ('{ file = "pipe" }', "is not a file."),
    ('{ file = "binary" }', "is not a text file (UTF-8)."),
    ('{ file = "a\\u0000b" }', "This is not the path of a file."),
    ('{ file = "mail-password", env = "WORD" }', "This is not a secret. Write { file ="),
    ("1", "This is not a secret."),
    ('{ env = "TAB" }', "This contains an invisible character"),
]


def test_a_secret_that_cannot_be_used_is_refused_without_showing_it(problems: Problems, settings_file: Path) -> None:
    (settings_file.parent / "binary").write_bytes(b"\xff\xfe" + SECRET.encode())
    os.mkfifo(settings_file.parent / "pipe")
    for written, expected in WRONG_SECRETS:
        (found,) = problems(f"{SERVER}password = {written}", BLANK="", TAB=f"{SECRET}\tand more")
        assert expected in found
        assert SECRET not in found


def test_a_file_full_of_errors_is_refused_in_reasonable_time(problems: Problems) -> None:
    found = problems("".join(f"key-{number} = 1\n" for number in range(5000)))
    assert len(found) == 100
    assert found[0].startswith("line 1, key-0: There is no such setting. Known are: general,")


def test_lines_are_looked_for_only_for_some_seconds(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.settings_file.document.MAX_SECONDS", 0.5)
    senders = '"orders@shop.example",\n' * 4000
    began = time.thread_time()
    found = problems(f'[[applications]]\nname = "Shop"\nsenders = [\n{senders}]\nnonsense = 1\n')
    assert "applications[1].nonsense: There is no such setting" in found[0]
    assert time.thread_time() - began < 10


def test_the_line_of_a_setting_is_where_it_starts() -> None:
    text = '# a comment\n[general]\nlist = [\n  1,\n  2,\n]\n\n# b\nafter = """\nx"""\n[[a]]\n[[a]]\nb = 1\n'
    places: list[KeyPath] = [("general", "list"), ("general", "after"), ("a", 1), ("a", 1, "b"), ("a", 0, "b")]
    assert [line_of(text, place) for place in places] == [3, 9, 12, 13, None]
