"""SPF: the walk within the limits, what lets a server send, and the one record to publish."""

import pytest

from tests.mail.deliverability.conftest import Check
from tests.support.dns_server import Records
from webapp.core.hosts import parse_ip_address
from webapp.mail.deliverability.spf_record import InvalidTerm, expand, parse, with_term

GOOGLE = "include:_spf.google.com"
SERVICE: dict[str, Records] = {"_spf.google.com": {"TXT": ["v=spf1 ip4:93.184.215.0/24 ~all"]}}


def zones(record: str, more: dict[str, Records] | None = None) -> dict[str, Records]:
    return {**SERVICE, "mail.shop.example": {"A": ["93.184.215.9"]}, "shop.example": {"TXT": [record]}, **(more or {})}


def including(count: int) -> dict[str, Records]:
    return {f"{number}.example": {"TXT": ["v=spf1 ip4:198.51.100.1 -all"]} for number in range(count)}


@pytest.mark.parametrize(
    ("record", "more"),
    [
        (f"v=spf1 {GOOGLE} -all", {}),
        ("V=SPF1  Include:_SPF.google.com  -all", {}),
        ("v=spf1 redirect=_spf.google.com", {}),
        ("v=spf1 include:nested.example -all", {"nested.example": {"TXT": [f"v=spf1 {GOOGLE} -all"]}}),
        # The service's networks instead of its include.
        ("v=spf1 ip4:93.184.215.0/24 -all", {}),
        ("v=spf1 exists:%{ir}.allowed.example -all", {"0.215.184.93.allowed.example": {"A": ["127.0.0.2"]}}),
    ],
)  # fmt: skip
def test_a_record_that_lets_the_service_send_is_right(check: Check, record: str, more: dict[str, Records]) -> None:
    found = check(zones(record, more))["spf"]
    assert (found.level, str(found.text)[:4]) == ("ok", "The ")


@pytest.mark.parametrize(
    ("record", "more", "words", "published"),
    [
        ("v=spf1 mx -all", {}, "doesn't let Google send", f"v=spf1 mx {GOOGLE} -all"),
        ("v=spf1 a ?all", {}, "doesn't let", f"v=spf1 a {GOOGLE} ?all"),
        ("v=spf1 -all " + GOOGLE, {}, "doesn't let", f"v=spf1 {GOOGLE} -all"),
        (f"v=spf1 ?{GOOGLE} -all", {}, "doesn't let Google send", f"v=spf1 {GOOGLE} -all"),
        ("v=spf1 +all", {}, "lets anybody", f"v=spf1 {GOOGLE} ~all"),
        ("v=spf1 include:open.example -all", {"open.example": {"TXT": ["v=spf1 +all"]}}, "lets anybody", None),
        ("v=spf1 ipv4:93.184.215.1 mx -all", {}, "invalid term", f"v=spf1 mx {GOOGLE} -all"),
        ("v=spf1 ip4:93.184.215.300 -all", {}, "ip4:93.184.215.300", f"v=spf1 {GOOGLE} -all"),
        (f"v=spf1 {GOOGLE} include:gone.example -all", {}, "has no SPF record", f"v=spf1 {GOOGLE} -all"),
        ("v=spf1 include:shop.example -all", {}, "includes itself", None),
        ("v=spf1 a:a.gone.example a:b.gone.example a:c.gone.example -all", {}, "name something that", None),
        (
            "v=spf1 " + " ".join(f"include:{number}.example" for number in range(11)) + " -all",
            including(11), "more than 10 DNS lookups", None,
        ),
        (
            "v=spf1 " + " ".join(f"include:{number}.example" for number in range(10)) + " -all",
            including(10), "has no room for it", None,
        ),
    ],
)  # fmt: skip
def test_a_record_that_fails_is_a_problem_with_the_record_to_publish(
    check: Check, record: str, more: dict[str, Records], words: str, published: str | None
) -> None:
    found = check(zones(record, more))["spf"]
    assert (found.level, words in str(found.text)) == ("problem", True), str(found.text)
    if published:
        assert [one.value for one in found.records] == [published]


def test_two_records_are_merged_into_one(check: Check) -> None:
    found = check({**SERVICE, "shop.example": {"TXT": ["v=spf1 mx -all", "v=spf1 ip4:93.184.215.1 mx ~all"]}})["spf"]
    assert [one.value for one in found.records] == [f"v=spf1 ip4:93.184.215.1 mx {GOOGLE} ~all"]


def test_a_huge_record_comes_by_tcp(check: Check) -> None:
    many = " ".join(f"ip4:198.51.100.{number}" for number in range(255))
    assert check(zones(f"v=spf1 {many} {GOOGLE} -all"))["spf"].level == "ok"


def test_aliases_without_end_are_no_answer(check: Check) -> None:
    loop: dict[str, Records] = {
        "loop.example": {"CNAME": ["pool.example."]},
        "pool.example": {"CNAME": ["loop.example."]},
    }
    assert check(zones("v=spf1 include:loop.example -all", loop))["spf"].level == "unknown"


@pytest.mark.parametrize(
    ("record", "level"),
    [
        ("v=spf1 a:mail.shop.example -all", "ok"),
        ("v=spf1 a:other.shop.example/24 -all", "ok"),
        ("v=spf1 mx -all", "ok"),
        ("v=spf1 ptr -all", "ok"),
        ("v=spf1 ip4:198.51.100.0/24 -all", "warning"),
    ],
)
def test_a_server_of_ones_own_is_looked_for_by_its_addresses(check: Check, record: str, level: str) -> None:
    more: dict[str, Records] = {
        "other.shop.example": {"A": ["93.184.215.200"]},
        "shop.example": {"TXT": [record], "MX": ["10 mail.shop.example"]},
        "9.215.184.93.in-addr.arpa": {"PTR": ["mail.shop.example"]},
    }
    found = check(zones(record, more), "custom")["spf"]
    assert found.level == level, str(found.text)
    assert [one.value for one in found.records] == (
        ["v=spf1 ip4:198.51.100.0/24 a:mail.shop.example -all"] if level == "warning" else []
    )


def test_a_server_that_only_the_own_network_sees_is_not_judged(check: Check) -> None:
    found = check(zones("v=spf1 mx -all", {"mail.shop.example": {"A": ["10.0.0.5"]}}), "custom")["spf"]
    assert (found.level, "can't be seen from here" in str(found.text)) == ("unknown", True)


def test_macros_are_expanded_as_in_the_rfc() -> None:
    # RFC 7208, 7.4.
    v4, v6 = parse_ip_address("192.0.2.3"), parse_ip_address("2001:db8::cb01")
    assert v4 is not None
    assert v6 is not None
    sender, domain = "strong-bad@email.example.com", "email.example.com"
    wanted = {
        "%{d4}.%{d1r}": "email.example.com.email",
        "%{l-}.%{lr-}.%{l1r-}": "strong.bad.bad.strong.strong",
        "%{ir}.%{v}._spf.%{d2}": "3.2.0.192.in-addr._spf.example.com",
        "%%%_%-%{S}": "% %20strong-bad%40email.example.com",
    }
    assert {text: expand(text, v4, domain, sender) for text in wanted} == wanted
    reverse = "1.0.b.c." + "0." * 20 + "8.b.d.0.1.0.0.2.ip6._spf.example.com"
    assert expand("%{ir}.%{v}._spf.%{d2}", v6, domain, sender) == reverse


@pytest.mark.parametrize(
    "term",
    [
        "include", "include:", "all:x", "a/33", "ip4:::1", "ip6:192.0.2.1", "ip4:192.0.2.0/255.255.255.0",
        "ip6:fe80::1%eth0", "mx:%{z}.example", "exists:%x", "x:y",
    ],
)  # fmt: skip
def test_what_is_no_term_is_refused(term: str) -> None:
    with pytest.raises(InvalidTerm, match=r"\S"):
        parse(f"v=spf1 {term} -all")


def test_a_redirect_stays_last_and_unknown_modifiers_stay() -> None:
    assert with_term(["v=spf1 mx redirect=a.example x=y"], "a:b") == "v=spf1 mx x=y a:b redirect=a.example"
