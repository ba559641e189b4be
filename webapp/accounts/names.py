"""The names of users. They greet people in emails, so they hold nothing that a mail program turns into a link."""

import re
import unicodedata

from flask_babel import gettext as _

from webapp.core.text import JOINERS

MAX_NAME_LENGTH = 200
# A scheme or `www.`; a label and a top-level domain, such as evil.example; or any domain with a path, such as t.me/x,
# or after an @.
# One letter before a period is an initial: J.R.R. Tolkien. The other periods separate labels in IDNA, too (RFC 3490).
_WEB_ADDRESS = re.compile(
    r"://|www[.]|[^\W_][-\w]*[^\W_][.](?:[^\W\d_]{2}|xn--)|[^\W_][.][-\w]+[/:]|@[-\w]+[.]", re.IGNORECASE
)
_PERIODS = str.maketrans("。｡", "..")


def problem(name: str) -> str:
    """Return why this can't be the name of a user, in words; empty if it can."""
    if not any(unicodedata.category(character)[0] in "LNPS" for character in name):
        return _("Enter a name.")
    # The check of the length reports longer ones, for which the search would take very long.
    if len(name) <= MAX_NAME_LENGTH and has_web_address(name):
        return _("A name can't contain a web or email address. If it is a title, put a space after the period.")
    return ""


def from_address(email: str) -> str:
    """Return a name for somebody without one; in a name, “ada.lovelace” would look like a domain."""
    return email.partition("@")[0].replace(".", " ").replace("_", " ").strip()


def has_web_address(name: str) -> bool:
    """Return whether a mail program might turn a part of this name into a link."""
    return _WEB_ADDRESS.search(name if name.isascii() else _plain(name)) is not None


def _plain(name: str) -> str:
    """Leave out marks: some are not seen at all, and others are part of a letter, which they must not end."""
    letters = (one for one in unicodedata.normalize("NFKD", name) if one not in JOINERS)
    return "".join(one for one in letters if unicodedata.category(one)[0] != "M").translate(_PERIODS)
