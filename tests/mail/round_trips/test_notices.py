"""What a request shows about the way it came."""

from typing import Any

import pytest

from webapp.mail.round_trips.notices import Seen, notice

URL = "https://mailroom.example"
RIGHT: dict[str, Any] = {"scheme": "https", "host": "mailroom.example", "peer": "93.184.215.14"}


@pytest.mark.parametrize(
    ("seen", "codes"),
    [
        ({}, []),
        ({"host": "Mailroom.Example:443"}, []),
        ({"scheme": "http"}, ["scheme"]),
        ({"host": "10.0.0.9:8000"}, ["host"]),
        ({"host": "mailroom.example:8443"}, ["host"]),
        ({"scheme": "http", "host": "127.0.0.1:8000"}, ["scheme", "host"]),
        # A proxy says better, but isn't trusted.
        ({"scheme": "http", "peer": "127.0.0.1", "untrusted": True}, ["proxy_not_trusted"]),
        ({"peer": "10.0.0.5", "untrusted": True}, ["proxy_not_trusted"]),
        # Anybody may send such headers, and any host.
        ({"untrusted": True}, []),
        ({"host": "evil.example", "untrusted": True}, ["host"]),
        ({"parameters": ["utm_source"]}, ["parameters"]),
        ({"ending": True}, ["ending"]),
        ({"referrer": "https://eur01.safelinks.protection.outlook.com/?url=x"}, ["wrapped"]),
        ({"referrer": "https://notsendgrid.net/"}, []),
        ({"referrer": "https://[sendgrid.net/"}, []),
        ({"referrer": "https://mail.google.com/"}, []),
    ],
)
def test_only_what_is_wrong_is_noticed(seen: dict[str, Any], codes: list[str]) -> None:
    assert [one.code for one in notice(Seen(**RIGHT | seen), URL)] == codes


def test_a_notice_names_what_was_seen() -> None:
    [found] = notice(Seen(**RIGHT | {"parameters": ["x" * 500]}), URL)
    assert found.params == {"names": "x" * 200}
