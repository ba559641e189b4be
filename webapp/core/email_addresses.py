"""E-mail addresses: whether one is one, and when two are the same."""

import unicodedata

import email_validator
import idna

from webapp.core.errors import MailroomError
from webapp.core.i18n import lazy_gettext as _

MAX_LENGTH = 254
# How encoded words begin (RFC 2047). In a header they would be decoded, line breaks and all.
ENCODED_WORD = "=?"

# Names such as .local and .test never work on the internet, but do inside a company.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


class InvalidEmailAddress(MailroomError):
    """What was given is not one e-mail address; its text says why, in words."""


def validate(email: str) -> str:
    """The address, normalised (NFC, the domain in small letters). Raises BadAddress.

    Nothing is asked of the DNS: a mail server inside a company may know domains that it does not.
    """
    email = email.strip(" ")
    if len(email) > MAX_LENGTH:
        raise InvalidEmailAddress(_("This address is too long."))
    if not email.isprintable():
        raise InvalidEmailAddress(_("Line breaks and control characters are not allowed here."))
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
    # An IDN is longer as A-labels, and some letters become two in small.
    if len(comparison_key(normalised)) > MAX_LENGTH:
        raise InvalidEmailAddress(_("This address is too long."))
    return normalised


def comparison_key(email: str) -> str:
    """The address as it is compared: letter case aside, the domain as A-labels.

    Also answers for texts that are no address, so that anything typed can be looked up.
    """
    local, at, domain = unicodedata.normalize("NFC", email.strip()).rpartition("@")
    return local.casefold() + at + _ascii(domain)


def _ascii(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain.casefold()
