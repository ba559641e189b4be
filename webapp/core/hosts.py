"""Hosts by IP address or name."""

import ipaddress

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_ip_address(host: str) -> IpAddress | None:
    """Return the IP address that a host is given by; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    ip = parse_ip_address(host)
    return ip.is_loopback if ip else host == "localhost"
