"""Removing secrets from what servers say."""

import base64
import re
from collections.abc import Iterable
from functools import cached_property
from urllib.parse import quote

REDACTED = "••••••"
# Redacting shorter secrets would make every line unreadable.
MIN_SECRET_LENGTH = 3
# Of either alphabet.
_BASE64 = re.compile("[A-Za-z0-9+/_=-]+")
_TO_STANDARD_ALPHABET = str.maketrans("-_", "+/")


class Redactor:
    """Replaces secrets, in the clear in any letter case, as in URLs, and in the base64 of any text that has them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = sorted({one for one in secrets if len(one) >= MIN_SECRET_LENGTH})
        # The longest first: one that contains another must not be cut up.
        self._written = sorted({*self.secrets, *map(_in_url, self.secrets)}, key=len, reverse=True)
        self._encoded = [encoded for secret in self.secrets for encoded in _in_base64(secret.encode())]

    @cached_property
    def _plain(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._written)), re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """Return the text without the secrets."""
        folded = text.casefold()
        # Compiling takes longer than the rest, and hardly any reply quotes a secret.
        if any(secret.casefold() in folded for secret in self._written):
            text = self._plain.sub(REDACTED, text)
        # In one pass, as a server may fill its reply with the secret that it was sent.
        return _BASE64.sub(self._unless_secret, text) if self._is_in_base64(text) else text

    def with_secrets(self, secrets: Iterable[str]) -> "Redactor":
        """Return a redactor that replaces these too."""
        return Redactor([*self.secrets, *secrets])

    def _is_in_base64(self, text: str) -> bool:
        alike = text.translate(_TO_STANDARD_ALPHABET)
        return any(encoded in alike for encoded in self._encoded)

    def _unless_secret(self, found: re.Match[str]) -> str:
        return REDACTED if self._is_in_base64(found[0]) else found[0]


def _in_url(secret: str) -> str:
    """Return a secret as a URL has it."""
    return quote(secret, safe="")


def _in_base64(secret: bytes) -> Iterable[str]:
    """Return what the secret alone determines of the base64 of a text, for each position in a group of three bytes."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret).decode()
        determined = encoded[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        if len(determined) >= MIN_SECRET_LENGTH:
            yield determined
