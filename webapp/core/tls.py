"""TLS to another server: verified, and what its certificate says."""

import socket
import ssl

# A certificate may be for hundreds of hosts.
MAX_NAMES = 10


def client_context(minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, check_hostname: bool = True) -> ssl.SSLContext:
    """Return a context that verifies certificates; without `check_hostname`, those of other hosts are accepted.

    Nothing may be sent over such a connection: it is for finding out which hosts a certificate is for.
    """
    context = ssl.create_default_context()
    context.minimum_version = minimum
    context.check_hostname = check_hostname
    return context


def host_names(connection: socket.socket) -> str:
    """Return the hosts that the verified certificate of the other end is for, with commas between them."""
    found = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    names = [str(entry[1]) for entry in (found or {}).get("subjectAltName", ())]
    shown = ", ".join(name for name in names[:MAX_NAMES] if name.isprintable())
    return f"{shown}, …" if len(names) > MAX_NAMES else shown
