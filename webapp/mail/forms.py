"""The forms."""

RESERVED: frozenset[str] = frozenset()
