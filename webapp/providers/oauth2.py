"""Signing in with OAuth2: what a plugin declares. The application does the protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from flask_babel import lazy_gettext as _

from webapp.providers.authentication import Account, Authentication, SmtpDialogue
from webapp.providers.diagnosis import DiagnosisRule, Text

Grant = Literal["authorization_code", "client_credentials", "service_account", "device_code"]
LABELS: Mapping[Grant, Text] = {
    "authorization_code": _("OAuth2: sign in with the provider in your browser"),
    "client_credentials": _("OAuth2: the application signs in as itself (client credentials)"),
    "service_account": _("OAuth2: service account with a key file"),
    "device_code": _("OAuth2: enter a code on another device (device code)"),
}
# In these a person signs in, so they end with a refresh token and an account.
USER_GRANTS: Sequence[Grant] = ("authorization_code", "device_code")
SEPARATOR = "\x01"


@dataclass(frozen=True)
class ExpectedClaims:
    """What an access token must say of itself to send mail, for services whose tokens can be read (JWT).

    `audiences` are those of its `aud` that the mail server takes; `scope` must be in `scp` when a
    person signed in, `role` in `roles` when the application did by itself.
    """

    audiences: Sequence[str]
    scope: str = ""
    role: str = ""


@dataclass(frozen=True)
class OAuth2(Authentication):
    """Sign in with an access token (RFC 6749), by XOAUTH2 or OAUTHBEARER (RFC 7628).

    Addresses may hold `{tenant}`, which the form then asks for; without `token_url` the form asks
    for the addresses and scopes too. `grants` are the ways to gain a token that the service offers
    for mail; `grant_scopes` are the scopes of those that want others than `scopes`, `grant_notes`
    what people should know before they choose one, `grant_steps` what to do on the provider's side
    for it. `lapses_after` is how long a refresh token
    lives unused. `issuer` is compared with the `iss` of an answer (RFC 9207); where it is not
    given, an `iss` must be of the same host as `authorize_url`, or its metadata name that address.
    `diagnosis_rules` are for refusals of the token endpoint (`invalid_grant`, with words of its
    description as the phrase) and of the mail server alike.
    """

    token_url: str = ""
    authorize_url: str = ""
    device_authorization_url: str = ""
    scopes: Sequence[str] = ()
    grants: Sequence[Grant] = ("authorization_code",)
    grant_scopes: Mapping[Grant, Sequence[str]] = field(default_factory=dict)
    grant_notes: Mapping[Grant, Text] = field(default_factory=dict)
    grant_steps: Mapping[Grant, Sequence[Text]] = field(default_factory=dict)
    authorize_parameters: Mapping[str, str] = field(default_factory=dict)
    issuer: str = ""
    lapses_after: timedelta | None = None
    expected_claims: ExpectedClaims | None = None
    diagnosis_rules: Sequence[DiagnosisRule] = ()
    # Which of the grants this is, once one is chosen.
    grant: Grant = "authorization_code"

    @property
    def key(self) -> str:
        """The grant's name."""
        return self.grant

    @property
    def label(self) -> Text:
        """What people call the grant."""
        return LABELS[self.grant]

    @property
    def methods(self) -> Sequence["OAuth2"]:
        """One for each grant."""
        return [replace(self, grant=grant) for grant in self.grants]

    @property
    def fields(self) -> Sequence[str]:
        """The fields that this grant needs."""
        who = ("service_account_key",) if self.grant == "service_account" else ("client_id", "client_secret")
        tenant = ("tenant_id",) if "{tenant}" in self.token_url else ()
        return ("username", *who, *tenant, *(() if self.token_url else self._asked()))

    @property
    def optional_fields(self) -> Sequence[str]:
        """A secret is one for applications that can keep it; PKCE and device codes do without."""
        return ("client_secret", "scopes") if self.grant in USER_GRANTS else ("scopes",)

    @property
    def note(self) -> Text:
        """What people should know before they choose this grant."""
        return self.grant_notes.get(self.grant, "")

    @property
    def steps(self) -> Sequence[Text]:
        """What to do on the provider's side for this grant; empty where what holds for the provider is enough."""
        return self.grant_steps.get(self.grant, ())

    @property
    def needs_user(self) -> bool:
        """Whether somebody signs in, rather than the application by itself."""
        return self.grant in USER_GRANTS

    def problem(self) -> str:
        """What is wrong with the declaration, for its author; empty when nothing is."""
        unknown = {*self.grants, *self.grant_scopes, *self.grant_notes, *self.grant_steps} - set(LABELS)
        if unknown or not self.grants:
            return f"declares grants other than {', '.join(LABELS)}"
        if any(isinstance(scopes, str) for scopes in (self.scopes, *self.grant_scopes.values())):
            return "declares scopes as one text instead of a list"
        addresses = (self.token_url, self.authorize_url, self.device_authorization_url)
        if not all(address.startswith("https://") for address in addresses if address):
            return "declares an address that does not start with https://"
        needed = {"authorization_code": self.authorize_url, "device_code": self.device_authorization_url}
        lacking = [grant for grant in self.grants if self.token_url and not needed.get(grant, "needs none")]
        return f"declares {lacking[0]} without its address" if lacking else ""

    def clean(self, name: str, value: str) -> str:
        """Without white space at the ends and in addresses; scopes with single spaces, all else in one line.

        Client IDs and secrets may hold spaces (RFC 6749, appendix A).
        """
        if name == "scopes":
            return " ".join(value.split())
        if name.endswith("_url"):
            return "".join(value.split())
        return value.strip() if name == "service_account_key" else "".join(value.splitlines()).strip()

    def authenticate(self, dialogue: SmtpDialogue, account: Account) -> None:
        """Sign in with the access token, by OAUTHBEARER where the server offers it.

        Each mechanism ends a refusal with a challenge that says why, which wants an answer.
        """
        token = f"auth=Bearer {account.secrets['access_token']}"
        if "OAUTHBEARER" in dialogue.mechanisms:
            host, port = dialogue.peer
            facts = [f"n,a={_saslname(account.username)},", f"host={host}", f"port={port}", token, SEPARATOR]
            dialogue.authenticate("OAUTHBEARER", SEPARATOR.join(facts).encode(), lambda _why: SEPARATOR.encode())
        elif "XOAUTH2" in dialogue.mechanisms:
            facts = [f"user={account.username}", token, SEPARATOR]
            dialogue.authenticate("XOAUTH2", SEPARATOR.join(facts).encode(), lambda _why: b"")
        elif dialogue.mechanisms:
            raise dialogue.refuse("tokens_not_offered")
        else:
            raise dialogue.refuse("authentication_not_offered")

    def _asked(self) -> Sequence[str]:
        """The addresses that the form asks for, as no service is known, and the scopes."""
        before: Mapping[Grant, Sequence[str]] = {
            "authorization_code": ("authorize_url",),
            "device_code": ("device_authorization_url",),
        }
        return (*before.get(self.grant, ()), "token_url", "scopes")


def _saslname(name: str) -> str:
    """A name in a GS2 header (RFC 5801, 4)."""
    return name.replace("=", "=3D").replace(",", "=2C")
