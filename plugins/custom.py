"""Any other SMTP server."""

from webapp.providers import Connection, NoAuthentication, OAuth2, Password, Provider, _, hookimpl

ENTER_CREDENTIALS = _(
    "Enter the provider's URLs, the scopes required to send email, and the application's client ID and client secret."
)
OPENID_SCOPES = _(
    "OpenID providers also need the scopes openid, email and offline_access, in addition to those of the mail server."
)
NAME_THE_SERVICE = _(
    "If the provider issues a separate token for each service, name the service in the "
    "token URL: ?resource=… or ?audience=…"
)
GENERATE_TOKEN = _("Enter the mail server's host and port under Connection, save, and choose “Generate access token”.")
BROWSER_STEPS = [
    _("Register an application with the provider, using the redirect URI from this page."),
    ENTER_CREDENTIALS,
    OPENID_SCOPES,
    NAME_THE_SERVICE,
    GENERATE_TOKEN,
]
DEVICE_STEPS = [
    _("Register an application with the provider and allow it to use device codes."),
    ENTER_CREDENTIALS,
    OPENID_SCOPES,
    NAME_THE_SERVICE,
    GENERATE_TOKEN,
]
CLIENT_CREDENTIALS_STEPS = [
    _("Register an application with the provider and allow it to use client credentials."),
    ENTER_CREDENTIALS,
    NAME_THE_SERVICE,
    GENERATE_TOKEN,
]
SERVICE_ACCOUNT_STEPS = [
    _("Create a service account with the provider, and a JSON key file for it."),
    _("Paste the whole file, and enter the token URL, the scopes required to send email, and the mailbox to send as."),
    GENERATE_TOKEN,
]


@hookimpl
def register_smtp_provider() -> Provider:
    """Return the provider."""
    return Provider(
        key="custom",
        label=_("Custom"),
        needs=_("Any other server. You need its host name, its port and usually a user name and password."),
        connection=Connection(port=587, security="starttls"),
        authentication=[
            Password(),
            NoAuthentication(),
            OAuth2(
                grant_types=["authorization_code", "client_credentials", "service_account", "device_code"],
                # OpenID Connect Core, 11: a provider may ignore offline_access without a prompt for consent.
                authorize_parameters={"prompt": "consent"},
                grant_steps={
                    "authorization_code": BROWSER_STEPS,
                    "client_credentials": CLIENT_CREDENTIALS_STEPS,
                    "service_account": SERVICE_ACCOUNT_STEPS,
                    "device_code": DEVICE_STEPS,
                },
            ),
        ],
        steps=[
            _("Ask the server's administrator for its host name, submission port and type of encryption."),
            _("Use port 587 with STARTTLS, or port 465 with TLS. Hosting companies often block port 25."),
            _("Unless told otherwise, the user name is the full email address."),
        ],
        source="RFC 6409, RFC 8314",
    )
