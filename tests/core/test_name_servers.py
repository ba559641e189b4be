"""How name servers are configured."""

from webapp.core.name_servers import parse


def test_addresses_of_both_kinds_may_have_a_port() -> None:
    assert parse("192.0.2.53, 192.0.2.54:5353,2001:db8::53, [2001:db8::54]:5353,") == [
        ("192.0.2.53", 53),
        ("192.0.2.54", 5353),
        ("2001:db8::53", 53),
        ("2001:db8::54", 5353),
    ]
