"""Which addresses are those of the internet."""

import ipaddress

import pytest

from webapp.core.hosts import is_public

pytestmark = pytest.mark.one_database
# Of each kind that leads inside: private, this machine, link-local and metadata, shared (CGNAT), multicast, reserved.
INSIDE = (
    "10.0.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "0.0.0.0", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
)  # fmt: skip
INSIDE_V6 = (
    "::", "::1", "fe80::1", "fe80::1%2", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "100::1",
    "2001:db8::1", "2001::1", "64:ff9b:1::808:808", "::7f00:1", "4000::1",
)  # fmt: skip
EMBEDDED = ("::ffff:{0}", "64:ff9b::{0}", "2002:{1:04x}:{2:04x}::1")


def embedded(form: str, address: str) -> str:
    """Write an IPv4 address inside an IPv6 one."""
    number = int(ipaddress.IPv4Address(address))
    return form.format(address, number >> 16, number & 0xFFFF)


@pytest.mark.parametrize(
    "address", [*INSIDE, *INSIDE_V6, *(embedded(form, one) for form in EMBEDDED for one in INSIDE)]
)
def test_an_address_that_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "100.128.0.1", "2a00:1450:4001::1", *(embedded(form, "8.8.8.8") for form in EMBEDDED)]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
