"""What a mail server's reply says about a message that it accepted."""

import re

# How servers tell the id under which they queued a message.
_QUEUE_IDS = (
    # Postfix, SendGrid: 250 2.0.0 Ok: queued as 4Xy7Rn1dTDz9sWF
    re.compile(r"\bqueued as ([\w.+-]+)", re.IGNORECASE),
    # Exim: 250 OK id=1tGbXk-000000005aB-3pQr
    re.compile(r"\bid=([\w-]+)"),
    # Exchange: 250 2.6.0 <...> [InternalId=12345, Hostname=...] 8391 bytes in 0.1 seconds Queued mail for delivery
    re.compile(r"\[InternalId=(\d+)"),
    # Gmail: 250 2.0.0 OK  1732964400 a640c23a62f3a-aa5998e6a2bsm512345566b.12 - gsmtp
    re.compile(r"(?<!\S)(\S+) - gsmtp"),
    # Amazon SES: 250 Ok 0102019379d1a2b3-...-000000
    re.compile(r"^250 Ok ([0-9a-f][0-9a-f-]{30,})$", re.MULTILINE),
    # Sendmail, OpenSMTPD: 250 2.0.0 4AUBwZx1012345 Message accepted for delivery
    re.compile(r"^250 2\.0\.0 (\w+):? Message accepted for delivery", re.MULTILINE),
)


def queue_id(reply: str) -> str:
    """Return the id under which the server queued a message; empty if its reply doesn't tell."""
    found = (pattern.search(reply) for pattern in _QUEUE_IDS)
    return next((match[1] for match in found if match), "")
