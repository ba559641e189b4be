"""Records that are lists of tags, as those of DKIM and DMARC are: `v=DMARC1; p=none` (RFC 6376, 3.2)."""

import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def read_tags(text: str) -> dict[str, str]:
    """Return the values of a record by name, the first of each; empty if it isn't a list of tags."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, sign, value = part.partition("=")
        if not part.strip():
            continue
        if not sign or not _NAME.fullmatch(name.strip()):
            return {}
        tags.setdefault(name.strip().lower(), value.strip())
    return tags
