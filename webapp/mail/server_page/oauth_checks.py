"""What the mail server form checks of OAuth2: whole addresses, client IDs, tenants, key files."""

import re
from collections.abc import Iterator

from flask_babel import gettext as _

from webapp.core import http_client
from webapp.core.http_client import InvalidUrl
from webapp.core.texts import in_words
from webapp.mail.oauth.errors import NotConfigured
from webapp.mail.oauth.keys import ServiceAccountKey
from webapp.mail.servers import ServerDraft
from webapp.providers import OAuth2

# In characters. A key file of Google's has 2,400.
LONGEST_KEY = 10_000
LONGEST_ID, LONGEST_ADDRESS = 255, 1000
ADDRESSES = ("authorize_url", "device_authorization_url", "token_url")
# A GUID, a domain, or one of Microsoft's words such as `consumers`.
_TENANT = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?", re.I)
# RFC 6749, 3.3 and appendix A.1.
_SCOPES = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_VISIBLE = re.compile(r"[\x20-\x7e]+")


def problems(method: OAuth2, draft: ServerDraft) -> Iterator[tuple[str, str]]:
    """Each field that this grant uses and that cannot be right, with what is wrong in words."""
    for name in method.fields:
        value = str(draft.secrets.get(name) if name in draft.secrets else draft.values.get(name) or "")
        text = _problem(name, value) if value else _lacking(method, name, draft)
        if text:
            yield name, text


def _lacking(method: OAuth2, name: str, draft: ServerDraft) -> str | None:
    """What to say of an empty field. Secrets may be saved already; the user name is looked at with all sign-ins."""
    if name in method.optional_fields or name in draft.secrets or name == "username":
        return None
    return _("Enter a value.")


def _problem(name: str, value: str) -> str | None:
    if name in ADDRESSES:
        return _address_problem(value)
    if name == "service_account_key":
        return _key_problem(value)
    if name == "client_id" and not (len(value) <= LONGEST_ID and _VISIBLE.fullmatch(value)):
        return _("This isn't a valid client ID. Copy all of it from the provider's page.")
    if name == "tenant_id" and not _TENANT.fullmatch(value):
        return _(
            "This isn't a valid tenant ID. It should look like 1b2c3d4e-0000-0000-0000-000000000000 or example.com."
        )
    if name == "scopes" and not (len(value) <= LONGEST_ADDRESS and _SCOPES.fullmatch(" ".join(value.split()))):
        return _("Enter the scopes separated by spaces, without quotation marks.")
    return None


def _address_problem(value: str) -> str | None:
    try:
        good = len(value) <= LONGEST_ADDRESS and not http_client.check_address(value).fragment
    except InvalidUrl:
        good = False
    return None if good else _("Enter a complete URL that starts with https://.")


def _key_problem(value: str) -> str | None:
    if len(value) > LONGEST_KEY:
        # What all long texts are told stands beside the field already.
        return None
    try:
        ServiceAccountKey.parsed(value)
    except NotConfigured as fault:
        return str(in_words(fault.error))
    return None
