"""Hosts by IP address or name."""

import ipaddress
import re
from collections.abc import Iterable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
# What IANA has allocated for use on the internet; the rest of IPv6 is private, reserved or unused.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# IPv4 addresses in IPv6 ones, for networks without IPv4 (NAT64; RFC 6052). Other prefixes are a network's own choice.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What `is_global` lets through: protocol assignments, among them an address at which Oracle's cloud tells machines of
# themselves (before Python 3.11.10), that of Azure, and relays to 6to4.
_NOT_PUBLIC = [ipaddress.IPv4Network(one) for one in ("192.0.0.0/24", "168.63.129.16", "192.88.99.0/24")]

# RFC 5321, 4.1.2: labels of letters, digits and hyphens; at least two of them, and not those of an IP address.
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{4,253}}$)(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}", re.IGNORECASE)


def parse_ip_address(host: str) -> IpAddress | None:
    """Return the IP address that a host is given by; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_internet_name(text: str) -> bool:
    """Return whether a text may be the name of a host on the internet, in ASCII."""
    return _HOST_NAME.fullmatch(text) is not None


def is_within(host: str, ends: Iterable[str]) -> bool:
    """Return whether a host name is one of these names, or below one of them."""
    return any(f".{host}".endswith(f".{end}") for end in ends)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    ip = parse_ip_address(host)
    return ip.is_loopback if ip else host == "localhost"


def is_public(ip: IpAddress) -> bool:
    """Return whether an address is one of the internet.

    Not so are private, loopback, link-local, shared (CGNAT), unique-local, multicast and reserved addresses, those at
    which clouds tell machines of themselves, and IPv6 addresses that stand for one of these (v4-mapped, NAT64, 6to4).
    """
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)
    embedded = ip.ipv4_mapped or ip.sixtofour
    if ip in _NAT64:
        embedded = ipaddress.IPv4Address(ip.packed[-4:])
    return is_public(embedded) if embedded else ip.is_global and ip in _GLOBAL_UNICAST
