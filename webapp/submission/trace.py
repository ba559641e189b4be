"""The Received field that says how an email came in (RFC 5321, 4.4; RFC 3848)."""

from datetime import datetime
from email.utils import format_datetime


def received(hostname: str, identifier: str, secure: bool, at: datetime) -> bytes:
    """Return the field. It names the application, and neither the address nor the name of the client's machine.

    Those would tell every recipient about the network inside.
    """
    protocol = "ESMTPSA" if secure else "ESMTPA"
    date = format_datetime(at.replace(microsecond=0))
    return f"Received: from {identifier} (application)\r\n\tby {hostname} with {protocol}; {date}\r\n".encode()
