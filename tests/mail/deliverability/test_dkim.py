"""DKIM: the keys of the service, of others, and such that don't work."""

import pytest

from tests.mail.deliverability.conftest import Check, key_record
from tests.support.dns_server import Records

KEY = key_record()
SHORT = key_record(1024)
NAME = "google._domainkey.shop.example"


def with_records(records: Records, **more: Records) -> dict[str, Records]:
    return {"shop.example": {}, NAME: records, "key.other.example": {"TXT": [KEY]}, **more}


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        ({"TXT": [KEY]}, "ok", "can sign"),
        ({"TXT": [KEY.removeprefix("v=DKIM1; k=rsa; ")]}, "ok", "can sign"),
        ({"CNAME": ["key.other.example."]}, "ok", "can sign"),
        ({"TXT": ["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]}, "ok", "can sign"),
        ({"TXT": [SHORT]}, "warning", "1024 bits"),
        ({"TXT": [KEY.replace("k=rsa", "t=y")]}, "warning", "marked as a test"),
        ({"TXT": ["v=DKIM1; p="]}, "problem", "was revoked"),
        ({"TXT": [KEY[:120]]}, "problem", "no usable key"),
        ({"TXT": [KEY, SHORT]}, "problem", "more than one"),
        ({"CNAME": ["gone.other.example."]}, "problem", "has no key"),
    ],
)
def test_the_key_of_the_service_is_judged(check: Check, records: Records, level: str, words: str) -> None:
    found = check(with_records(records))["dkim"]
    assert (found.level, words in str(found.text)) == (level, True), str(found.text)


def test_an_alias_must_lead_to_the_service(check: Check) -> None:
    target = "s1.domainkey.u1.wl.sendgrid.net"
    zones = with_records({}, **{target: {"TXT": [KEY]}, "s1._domainkey.shop.example": {"CNAME": [f"{target}."]}})
    assert check(zones, "sendgrid")["dkim"].level == "ok"
    assert check(zones, "sendgrid")["sender"].level == "ok"
    zones["s1._domainkey.shop.example"] = {"CNAME": ["key.other.example."]}
    assert "isn't this service's" in str(check(zones, "sendgrid")["dkim"].text)


def test_a_key_of_another_service_is_named_but_does_not_count(check: Check) -> None:
    found = check(with_records({}, **{"k1._domainkey.shop.example": {"TXT": [KEY]}}))["dkim"]
    assert (found.level, "k1._domainkey.shop.example" in str(found.text)) == ("problem", True)


def test_any_server_may_use_any_common_name(check: Check) -> None:
    assert check(with_records({"TXT": [KEY]}), "custom")["dkim"].level == "ok"
    assert check({"shop.example": {}}, "custom")["dkim"].level == "warning"
