"""How much the server takes: of one connection, of one address, and of all together."""

import ipaddress
from collections import Counter

MIB = 1024 * 1024
# Connections at once. Programs on this machine share its loopback addresses, so for these only the total counts.
MAX_CONNECTIONS, MAX_PER_ADDRESS = 1000, 100
# The address of a client that has none any more; no network that anybody trusts holds it.
UNKNOWN = "0.0.0.0"  # noqa: S104 -- compared, not bound
# Bytes of unfinished emails in memory, of all clients.
MEMORY = 256 * MIB
# Of one email; a client goes on with the others in a second one (RFC 5321, 4.5.3.1.10).
MAX_RECIPIENTS = 1000
# Seconds from the connection until the client has authenticated; for a command, and for the content of an email.
ANONYMOUS, COMMAND = 60.0, 600.0
# Seconds for the handshake of a connection that begins with TLS.
HANDSHAKE = 30.0
# Seconds for which a connection's application is believed to be let in: a secret may end, and networks may change.
LET_IN = 10.0
# Wrong secrets of one connection.
MAX_FAILURES = 3
# How often a command may come in one connection.
COMMANDS = {"*": 50, "MAIL": 10_000, "DATA": 10_000, "RSET": 10_000, "NOOP": 10_000, "RCPT": 1_000_000}
# Bytes of a command; of AUTH's with a long secret (RFC 4954 wants 12,288, for tokens that nobody has here).
MAX_COMMAND = 1000


class Connections:
    """Counts the connections."""

    def __init__(self) -> None:
        self._of_address: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count a connection from this address, unless there are too many; return whether there are not."""
        most = MAX_CONNECTIONS if is_loopback(address) else MAX_PER_ADDRESS
        if self._of_address.total() >= MAX_CONNECTIONS or self._of_address[address] >= most:
            return False
        self._of_address[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Uncount it."""
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]


def normal_address(address: str) -> str:
    """Return an address without its zone, and an IPv4 address that comes by way of an IPv6 socket as such."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return str(getattr(found, "ipv4_mapped", None) or found)


def is_loopback(address: str) -> bool:
    """Return whether what comes from this address never left the machine."""
    return ipaddress.ip_address(address).is_loopback
