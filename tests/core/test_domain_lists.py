"""Lists of domains."""

import pytest

from webapp.core import domain_lists
from webapp.core.domain_lists import NotADomain


def test_domains_are_read_however_they_are_separated() -> None:
    text = " Example.COM,bücher.example\n@shop.example; *.Example.org example.com."
    expected = ["example.com", "xn--bcher-kva.example", "shop.example", "*.example.org"]
    assert domain_lists.parse(text) == expected
    assert domain_lists.parse(domain_lists.write(expected)) == expected


@pytest.mark.parametrize(
    "text", ["*", "*.", "a@b.example", "a..example", "*.*.example", "-.example", "a/b", "☃.example"]
)
def test_what_is_not_a_domain_is_refused(text: str) -> None:
    with pytest.raises(NotADomain):
        domain_lists.parse(f"example.com, {text}")


@pytest.mark.parametrize(
    ("domain", "contained"),
    [
        ("example.com", True),
        ("a.example.com", False),
        ("notexample.com", False),
        ("example.org", False),
        ("a.example.org", True),
        ("b.a.example.org", True),
        ("notexample.org", False),
        ("", False),
    ],
)
def test_subdomains_are_contained_only_where_the_list_says_so(domain: str, contained: bool) -> None:
    assert domain_lists.contain(["example.com", "*.example.org"], domain) is contained
