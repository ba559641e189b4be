"""The whole check: what is right, what is wrong, and what could not be looked up."""

import time
from collections.abc import Mapping

import pytest

from tests.mail.deliverability.conftest import Check
from webapp.mail.deliverability.findings import Finding

MX = {"shop.example": {"MX": ["10 mx.shop.example"]}, "mx.shop.example": {"A": ["93.184.215.7"]}}
GOOGLE = {"_spf.google.com": {"TXT": ["v=spf1 ip4:93.184.215.0/24 ip6:2001:db8:4::/48 ~all"]}}


def levels(found: Mapping[str, Finding]) -> dict[str, str]:
    return {subject: str(one.level) for subject, one in found.items()}


def test_a_domain_where_all_is_right_has_only_good_findings(check: Check, dkim_key: str) -> None:
    found = check({
        **GOOGLE,
        "mx.shop.example": {"AAAA": ["2001:db8::7"]},
        "shop.example": {"TXT": ["other", "v=spf1 include:_spf.google.com -all"], "MX": ["10 mx.shop.example"]},
        "google._domainkey.shop.example": {"TXT": [dkim_key]},
        "_dmarc.shop.example": {"TXT": ["v=DMARC1; p=reject"]},
    })  # fmt: skip
    assert levels(found) == dict.fromkeys(["sender", "spf", "dkim", "dmarc", "alignment", "mx"], "ok")
    assert "1 of at most 10" in str(found["spf"].text)


def test_a_domain_without_anything_gets_the_records_to_publish(check: Check) -> None:
    found = check({**GOOGLE, **MX})
    assert levels(found) == {
        "sender": "ok",
        "spf": "problem",
        "dkim": "problem",
        "dmarc": "warning",
        "alignment": "warning",
        "mx": "ok",
    }
    records = [(one.name, one.type, one.value) for finding in found.values() for one in finding.records]
    assert ("shop.example", "TXT", "v=spf1 include:_spf.google.com ~all") in records
    assert ("google._domainkey.shop.example", "TXT", "") in records
    assert check({"shop.example": {}})["dmarc"].to_data()["level"] == "warning"


@pytest.mark.parametrize("fault", ["servfail", "refused"])
def test_a_failing_name_server_is_never_taken_for_missing_records(check: Check, fault: str) -> None:
    found = check(MX, faults={"shop.example": fault})
    assert levels(found) == {"sender": "ok", **dict.fromkeys(["spf", "dkim", "dmarc", "mx"], "unknown")}
    assert "could not be looked up" in str(found["spf"].text)
    assert not any(one.records for one in found.values())


@pytest.mark.parametrize("fault", ["silent", "garbage", "other_id"])
def test_a_name_server_without_an_answer_ends_the_check_in_time(
    check: Check, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("webapp.mail.deliverability.service.SECONDS", 0.4)
    start = time.monotonic()
    found = check(MX, faults={"shop.example": fault})
    assert time.monotonic() - start < 6
    assert levels(found)["spf"] == "unknown"


def test_the_rest_is_checked_where_one_part_cannot_be_looked_up(check: Check) -> None:
    zones = {**MX, "shop.example": {**MX["shop.example"], "TXT": ["v=spf1 include:broken.example -all"]}}
    found = check(zones, faults={"broken.example": "servfail"})
    assert (levels(found)["spf"], levels(found)["mx"]) == ("unknown", "ok")
    assert "broken.example" in str(found["spf"].text)
    assert (levels(found)["dmarc"], levels(found)["alignment"]) == ("warning", "unknown")


def test_a_domain_that_does_not_exist_is_the_only_finding(check: Check) -> None:
    found = check({"other.example": {}})
    assert levels(found) == {"sender": "problem"}
    assert "doesn't exist" in str(found["sender"].text)


def test_an_address_of_a_service_belongs_to_that_service(check: Check) -> None:
    assert levels(check({}, address="a@gmail.com", username="a@gmail.com")) == {"sender": "ok"}
    found = check({}, "sendgrid", address="a@gmail.com", username="apikey")
    assert "Set Mail From" in str(found["sender"].text)


def test_an_account_may_send_only_as_itself(check: Check) -> None:
    found = check(MX, username="ada@shop.example")
    assert levels(found)["sender"] == "warning"
    assert "ada@shop.example" in str(found["sender"].text)


@pytest.mark.parametrize(
    ("exchangers", "level", "words"),
    [
        (["0 ."], "problem", "receives no email"),
        (["10 gone.shop.example"], "problem", "don't exist"),
        ([], "problem", "can't receive email"),
    ],
)
def test_a_domain_that_cannot_receive_is_a_problem(check: Check, exchangers: list[str], level: str, words: str) -> None:
    found = check({"shop.example": {"MX": exchangers, "TXT": ["v=spf1 -all"]}})
    assert (levels(found)["mx"], words in str(found["mx"].text)) == (level, True)


def test_the_name_of_a_server_of_ones_own_must_lead_back_to_it(check: Check) -> None:
    zones = {
        **MX,
        "mail.shop.example": {"A": ["93.184.215.9"]},
        "9.215.184.93.in-addr.arpa": {"PTR": ["mail.shop.example"]},
    }
    assert levels(check(zones, "custom"))["ptr"] == "ok"
    zones["9.215.184.93.in-addr.arpa"] = {"PTR": ["other.shop.example"]}
    found = check(zones, "custom")
    assert "doesn't lead back" in str(found["ptr"].text)
    assert [(one.name, one.type, one.value) for one in found["ptr"].records] == [
        ("9.215.184.93.in-addr.arpa", "PTR", "mail.shop.example.")
    ]
