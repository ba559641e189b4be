"""What the authorization server of the tests gives out."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class Issued:
    """What stands behind a token or a code. Tokens of one sign-in share the family."""

    account: str
    expires_at: datetime
    family: int
    facts: dict[str, str] = field(default_factory=dict)


def subject(account: str) -> str:
    """The number behind an account."""
    return hashlib.sha256(account.encode()).hexdigest()[:12]


def unsigned(claims: dict[str, Any]) -> str:
    """A JWT whose signature nobody looks at."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in ({}, claims)]
    return ".".join([*parts, "c2lnbmF0dXJl"])
