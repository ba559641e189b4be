"""What counts as a client ID, a tenant, a URL, scopes and a key in the mail server form."""

import re
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _
from wtforms import Field, ValidationError

from webapp.core import formatting, http_client
from webapp.core.http_client import InvalidUrl
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.oauth.errors import NotConfigured
from webapp.mail.oauth.registration import ACCOUNT_SCOPES, ServiceAccountKey
from webapp.providers import OAuth2

# In characters. A key file of Google's has 2,400.
MAX_KEY_LENGTH = 10_000
MAX_CLIENT_ID_LENGTH, MAX_URL_LENGTH = 255, 1000
# A GUID, a domain, or one of Microsoft's words such as `consumers`.
_TENANT = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?", re.I)
# Microsoft's words for accounts of any tenant: only for people, as an application signs in to one tenant.
# https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
_SHARED_TENANTS = frozenset({"common", "organizations", "consumers"})
_MICROSOFT_LOGIN = re.compile(r"login\.((partner\.)?microsoftonline\.[a-z]+|chinacloudapi\.cn|windows\.net)")
# Stands for all permissions of the application, so Microsoft accepts no others beside it.
# https://learn.microsoft.com/en-us/entra/identity-platform/scopes-oidc#the-default-scope
_DEFAULT_SCOPE = "/.default"
# RFC 6749, 3.3 and appendix A.1.
_SCOPES = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_VISIBLE = re.compile(r"[\x20-\x7e]+")


def valid_url(form: Any, field: Field) -> None:
    """Check for a whole https:// URL."""
    try:
        good = len(field.data) <= MAX_URL_LENGTH and not http_client.parse_url(field.data).fragment
    except InvalidUrl:
        good = False
    if not good:
        raise ValidationError(_("Enter a complete URL that starts with https://."))


def valid_token_url(form: Any, field: Field) -> None:
    """Check for a whole https:// URL, of one tenant if the application authenticates as itself."""
    valid_url(form, field)
    url = urlsplit(field.data)
    tenant = url.path.split("/")[1] if url.path else ""
    if _MICROSOFT_LOGIN.fullmatch(url.hostname or ""):
        _check_own_tenant(form, tenant)


def valid_client_id(form: Any, field: Field) -> None:
    """Check for a client ID (RFC 6749, appendix A.1)."""
    if len(field.data) > MAX_CLIENT_ID_LENGTH or not _VISIBLE.fullmatch(field.data):
        raise ValidationError(_("This isn't a valid client ID. Copy all of it from the provider's page."))


def valid_tenant_id(form: Any, field: Field) -> None:
    """Check for a tenant: a GUID, a domain or a word."""
    if not _TENANT.fullmatch(field.data):
        raise ValidationError(
            _("This isn't a valid tenant ID. It should look like 1b2c3d4e-0000-0000-0000-000000000000 or example.com.")
        )
    _check_own_tenant(form, field.data)


def valid_scopes(form: Any, field: Field) -> None:
    """Check for scopes with spaces between them."""
    if len(field.data) > MAX_URL_LENGTH or not _SCOPES.fullmatch(" ".join(field.data.split())):
        raise ValidationError(_("Enter the scopes separated by spaces, without quotation marks."))
    scopes = field.data.split()
    default = next((scope for scope in scopes if scope.casefold().endswith(_DEFAULT_SCOPE)), None)
    others = [scope for scope in scopes if scope != default and (_is_app_only(form) or scope not in ACCOUNT_SCOPES)]
    if default and others:
        names = formatting.format_list(others)
        raise ValidationError(
            _("%(scope)s can't be combined with other scopes. Remove %(others)s.", scope=default, others=names)
        )


def valid_service_account_key(form: Any, field: Field) -> None:
    """Check for the JSON file of a service account's key."""
    if len(field.data) > MAX_KEY_LENGTH:
        # The check of all texts reports it.
        return
    try:
        ServiceAccountKey.parse(field.data)
    except NotConfigured as error:
        raise ValidationError(describe(error.failure)) from None


def _check_own_tenant(form: Any, tenant: str) -> None:
    if _is_app_only(form) and tenant.casefold() in _SHARED_TENANTS:
        text = _(
            "An application that signs in as itself belongs to one tenant. Enter its ID or domain instead of %(word)s.",
            word=tenant,
        )
        raise ValidationError(text)


def _is_app_only(form: Any) -> bool:
    """Return whether the application authenticates as itself, without a person."""
    return isinstance(form.method, OAuth2) and not form.method.needs_user
