"""Signatures by which a receiver knows our events from others': Standard Webhooks 1.0.0, symmetric.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
# Bytes; the standard asks for 24 to 64.
LENGTH = 32


def new_secret() -> str:
    """A random secret in the standard's way of writing."""
    return PREFIX + base64.b64encode(secrets.token_bytes(LENGTH)).decode()


def headers(event_id: str, body: bytes, given: Sequence[str], now: datetime) -> Mapping[str, str]:
    """The headers of one attempt to deliver an event, signed with each of the secrets that are given."""
    timestamp = str(int(now.timestamp()))
    content = f"{event_id}.{timestamp}.".encode() + body
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, content) for secret in given),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()
