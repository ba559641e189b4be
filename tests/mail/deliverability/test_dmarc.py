"""DMARC: which record holds for a domain, and whether email is in line with it."""

import pytest

from tests.mail.deliverability.conftest import Check
from tests.support.dns_server import Records

SPF: Records = {"TXT": ["v=spf1 include:_spf.google.com -all"]}
SERVICE: dict[str, Records] = {"_spf.google.com": {"TXT": ["v=spf1 ip4:93.184.215.0/24 ~all"]}}
FROM = {"address": "mail@news.shop.example", "username": "mail@news.shop.example"}


def record(text: str, name: str = "_dmarc.shop.example") -> dict[str, Records]:
    return {name: {"TXT": [text]}}


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        (record("v=DMARC1; p=reject; sp=quarantine"), "into spam"),
        (record("v=DMARC1; p=reject"), "reject email"),
        ({**record("v=DMARC1; p=reject"), **record("v=DMARC1; p=none", "_dmarc.news.shop.example")}, "only asks"),
        ({**record("v=DMARC1; p=none; psd=n"), **record("v=DMARC1; p=reject", "_dmarc.example")}, "only asks"),
        (record("v=DMARC1; p=reject; psd=y", "_dmarc.example"), "reject email"),
    ],
)
def test_the_nearest_record_holds(check: Check, zones: dict[str, Records], words: str) -> None:
    found = check({**SERVICE, **zones, "news.shop.example": SPF}, **FROM)["dmarc"]
    assert (found.level, words in str(found.text)) == ("ok", True), str(found.text)


@pytest.mark.parametrize(
    ("texts", "level", "words"),
    [
        ([], "warning", "has no DMARC record"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "problem", "more than one"),
        (["v=DMARC1; p=rejekt"], "problem", "has a mistake"),
        (["v=DMARC1; p none"], "problem", "has a mistake"),
        (["v=DMARC2; p=none"], "warning", "has no DMARC record"),
    ],
)
def test_a_record_that_servers_ignore_is_said_to_be(check: Check, texts: list[str], level: str, words: str) -> None:
    found = check({**SERVICE, "shop.example": SPF, "_dmarc.shop.example": {"TXT": texts}})["dmarc"]
    assert (found.level, words in str(found.text)) == (level, True), str(found.text)
    assert found.records[0].name == "_dmarc.shop.example"


def test_email_that_neither_spf_nor_dkim_covers_fails_the_policy(check: Check, dkim_key: str) -> None:
    zones = {**SERVICE, **record("v=DMARC1; p=reject"), "shop.example": {}}
    assert "can't pass DMARC" in str(check(zones)["alignment"].text)
    signed = {**zones, "google._domainkey.shop.example": {"TXT": [dkim_key]}}
    assert check(signed)["alignment"].level == "ok"


def test_the_key_of_the_organization_is_enough_unless_alignment_is_strict(check: Check, dkim_key: str) -> None:
    key: dict[str, Records] = {"google._domainkey.shop.example": {"TXT": [dkim_key]}, "news.shop.example": {}}
    assert check({**key, **record("v=DMARC1; p=reject")}, **FROM)["alignment"].level == "ok"
    found = check({**key, **record("v=DMARC1; p=reject; adkim=s")}, **FROM)["alignment"]
    assert (found.level, "strict alignment" in str(found.text)) == ("problem", True)
