"""Authentication with OAuth2, as a plugin declares it. The application implements the protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from flask_babel import lazy_gettext as _

from webapp.core.email_addresses import with_ascii_at
from webapp.core.text import trimmed, without_blanks
from webapp.providers.authentication import Account, Authentication, SmtpDialogue
from webapp.providers.diagnosis import DiagnosisRule, Text
from webapp.providers.rules import EndpointUrl, ParameterName, Url

GrantType = Literal["authorization_code", "client_credentials", "service_account", "device_code"]
LABELS: Mapping[GrantType, Text] = {
    "authorization_code": _("OAuth2: sign in with the provider in your browser"),
    "client_credentials": _("OAuth2: the application signs in as itself (client credentials)"),
    "service_account": _("OAuth2: service account with a key file"),
    "device_code": _("OAuth2: enter a code on another device (device code)"),
}
# A person signs in, so there is a refresh token and an account.
USER_GRANTS: Sequence[GrantType] = ("authorization_code", "device_code")
SASL_SEPARATOR = "\x01"


@dataclass(frozen=True)
class ExpectedClaims:
    """What the claims of an access token (JWT) must be for sending email.

    `audiences` are the values of `aud` that the mail server accepts; `scope` must be in `scp` of a
    person's token, `role` in `roles` of the application's own.
    """

    audiences: Sequence[str]
    scope: str = ""
    role: str = ""


@dataclass(frozen=True)
class OAuth2(Authentication):
    """Authenticate with an access token (RFC 6749), by XOAUTH2 or OAUTHBEARER (RFC 7628).

    URLs may contain `{tenant}`, which the form then asks for. Without `token_url`, the form asks for
    the URLs and scopes as well. `grant_types` are those that the service offers for email;
    `grant_scopes`, `grant_notes` and `grant_steps` are, by grant type, the scopes if they differ from
    `scopes`, what people should know before they choose it, and what to do on the provider's side.
    `lapses_after` is how long an unused refresh token is valid. `issuer` is compared with `iss` in
    callbacks (RFC 9207); without it, `iss` must be on the host of `authorize_url`, or its metadata
    must name that URL. `diagnosis_rules` match refusals of the token endpoint (`invalid_grant`, with
    a phrase of its description) and of the mail server.
    """

    token_url: EndpointUrl = ""
    authorize_url: EndpointUrl = ""
    device_authorization_url: EndpointUrl = ""
    scopes: Sequence[str] = ()
    grant_types: Sequence[GrantType] = ("authorization_code",)
    grant_scopes: Mapping[GrantType, Sequence[str]] = field(default_factory=dict)
    grant_notes: Mapping[GrantType, Text] = field(default_factory=dict)
    grant_steps: Mapping[GrantType, Sequence[Text]] = field(default_factory=dict)
    authorize_parameters: Mapping[ParameterName, str] = field(default_factory=dict)
    issuer: Url = ""
    lapses_after: timedelta | None = None
    expected_claims: ExpectedClaims | None = None
    diagnosis_rules: Sequence[DiagnosisRule] = ()
    # The grant type that was chosen.
    grant_type: GrantType = "authorization_code"

    @property
    def key(self) -> str:
        """The grant type."""
        return self.grant_type

    @property
    def label(self) -> Text:
        """The name of the grant type for people."""
        return LABELS[self.grant_type]

    @property
    def methods(self) -> Sequence["OAuth2"]:
        """One method for each grant type."""
        return [replace(self, grant_type=one) for one in self.grant_types]

    @property
    def fields(self) -> Sequence[str]:
        """The form fields that this grant type needs."""
        credentials = (
            ("service_account_key",) if self.grant_type == "service_account" else ("client_id", "client_secret")
        )
        urls = (self.token_url, self.authorize_url, self.device_authorization_url)
        tenant = ("tenant_id",) if any("{tenant}" in url for url in urls) else ()
        return ("username", *credentials, *tenant, *(() if self.token_url else self._entered_fields()))

    @property
    def optional_fields(self) -> Sequence[str]:
        """The client secret is optional with PKCE and device codes, for applications that cannot keep one."""
        return ("client_secret", "scopes") if self.grant_type in USER_GRANTS else ("scopes",)

    @property
    def note(self) -> Text:
        """What people should know before they choose this grant type."""
        return self.grant_notes.get(self.grant_type, "")

    @property
    def steps(self) -> Sequence[Text]:
        """What to do on the provider's side for this grant type; empty if the provider's steps apply."""
        return self.grant_steps.get(self.grant_type, ())

    @property
    def needs_user(self) -> bool:
        """Whether a person signs in, rather than the application itself."""
        return self.grant_type in USER_GRANTS

    def missing_url(self) -> str:
        """Return the grant type that can't work for lack of a URL, or an empty text."""
        needed = {"authorization_code": self.authorize_url, "device_code": self.device_authorization_url}
        lacking = [grant for grant in self.grant_types if self.token_url and not needed.get(grant, "needs none")]
        return lacking[0] if lacking else ""

    def clean(self, name: str, value: str) -> str:
        """Remove white space around values, from URLs, and extra spaces between scopes.

        Client IDs and secrets may contain spaces (RFC 6749, appendix A).
        """
        if name == "scopes":
            return " ".join(value.split())
        if name.endswith("_url"):
            return without_blanks(value)
        if name == "username":
            return with_ascii_at(trimmed(value))
        return trimmed(value if name == "service_account_key" else "".join(value.splitlines()))

    def authenticate(self, dialogue: SmtpDialogue, account: Account) -> None:
        """Authenticate with the access token, by OAUTHBEARER if the server offers it.

        Both mechanisms give the reason for a rejection in a challenge, which must be answered.
        """
        token = f"auth=Bearer {account.secrets['access_token']}"
        if "OAUTHBEARER" in dialogue.mechanisms:
            host, port = dialogue.peer
            parts = [f"n,a={_saslname(account.username)},", f"host={host}", f"port={port}", token, SASL_SEPARATOR]
            dialogue.authenticate(
                "OAUTHBEARER", SASL_SEPARATOR.join(parts).encode(), lambda _reason: SASL_SEPARATOR.encode()
            )
        elif "XOAUTH2" in dialogue.mechanisms:
            parts = [f"user={account.username}", token, SASL_SEPARATOR]
            dialogue.authenticate("XOAUTH2", SASL_SEPARATOR.join(parts).encode(), lambda _reason: b"")
        elif dialogue.mechanisms:
            dialogue.refuse("tokens_not_offered")
        else:
            dialogue.refuse("authentication_not_offered")

    def _entered_fields(self) -> Sequence[str]:
        """The URLs that the form asks for if the service is not known, and the scopes."""
        before: Mapping[GrantType, Sequence[str]] = {
            "authorization_code": ("authorize_url",),
            "device_code": ("device_authorization_url",),
        }
        return (*before.get(self.grant_type, ()), "token_url", "scopes")


def _saslname(name: str) -> str:
    """Return a name as it is written in a GS2 header (RFC 5801, 4)."""
    return name.replace("=", "=3D").replace(",", "=2C")
