"""Validate email addresses, and compare them."""

import re
import unicodedata
from functools import lru_cache

import email_validator
import idna

from webapp.core.errors import MailroomError
from webapp.core.i18n import lazy_gettext as _
from webapp.core.text import hidden_character, trimmed

MAX_EMAIL_LENGTH = 254
# Start of an encoded word (RFC 2047). In a header it would be decoded, including line breaks.
ENCODED_WORD = "=?"

# What most addresses look like. They are valid, and compared in lower case; looking at them in full takes forty times
# as long, which matters when very many are read from a file.
_ORDINARY = re.compile(r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}")
_MAX_ORDINARY_LENGTH = 63

# Names such as .local and .test don't exist on the internet, but may exist in a company's network.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


class InvalidEmailAddress(MailroomError):
    """A text is not a single email address; the message says why, for the user."""


def validate(email: str) -> str:
    """Return the address normalised: NFC, with a lower-case domain. Raises InvalidEmailAddress.

    It does not query the DNS, as a company's mail server may know domains that the DNS doesn't.
    """
    if _is_ordinary(email):
        return email
    email = with_ascii_at(trimmed(email))
    if len(email) > MAX_EMAIL_LENGTH:
        raise InvalidEmailAddress(_("This address is too long."))
    if hidden := hidden_character(email, allowed="", spaces=False):
        raise InvalidEmailAddress(
            _(
                "This contains an invisible character (%(character)s). Remove it, or type the text by hand.",
                character=hidden,
            )
        )
    if any(separator in email for separator in ",;"):
        raise InvalidEmailAddress(_("Enter only one address."))
    if "<" in email:
        raise InvalidEmailAddress(_("Enter only the address, without a name or angle brackets."))
    if ENCODED_WORD in email:
        raise InvalidEmailAddress(_("Enter an email address such as ada@example.com."))
    try:
        normalised = email_validator.validate_email(email, check_deliverability=False, strict=True).normalized
    except email_validator.EmailNotValidError as error:
        raise InvalidEmailAddress(_("Enter an email address such as ada@example.com.")) from error
    # An IDN is longer as A-labels, and some letters become two in lower case.
    if len(comparison_key(normalised)) > MAX_EMAIL_LENGTH:
        raise InvalidEmailAddress(_("This address is too long."))
    return normalised


def comparison_key(email: str) -> str:
    """Return the form in which addresses are compared: case-folded, the domain as A-labels.

    It accepts any text, so that whatever a user enters can be looked up.
    """
    if _is_ordinary(email):
        return email
    local, at, domain = unicodedata.normalize("NFC", with_ascii_at(trimmed(email))).rpartition("@")
    return local.casefold() + at + _ascii(domain)


def _is_ordinary(email: str) -> bool:
    return len(email) <= _MAX_ORDINARY_LENGTH and _ORDINARY.fullmatch(email) is not None


def with_ascii_at(text: str) -> str:
    """Return the text with the @ that Chinese and Japanese keyboards write (full-width or small) as the usual one."""
    return text.replace("\uff20", "@").replace("\ufe6b", "@")


# For "shop.example" it takes as long as all else that is checked of an email with ordinary addresses.
@lru_cache(maxsize=256)
def _ascii(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain.casefold()
