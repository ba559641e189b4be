"""Any SMTP server."""

from datetime import date

from webapp.providers import Connection, NoAuthentication, OAuth2, Password, Provider, _, hookimpl

ENTER = _(
    "Enter the provider's URLs, the scopes required to send email, and the application's client ID and client secret."
)
OPENID = _(
    "OpenID providers also need the scopes openid, email and offline_access, in addition to those of the mail server."
)
TARGET = _(
    "If the provider issues a separate token for each service, name the service in the "
    "token URL: ?resource=… or ?audience=…"
)
GENERATE = _("Enter the mail server's host and port under Connection, save, and choose “Generate access token”.")
IN_A_BROWSER = [
    _("Register an application with the provider, using the redirect URI from this page."),
    ENTER,
    OPENID,
    TARGET,
    GENERATE,
]
ON_A_DEVICE = [
    _("Register an application with the provider and allow it to use device codes."),
    ENTER,
    OPENID,
    TARGET,
    GENERATE,
]
BY_ITSELF = [
    _("Register an application with the provider and allow it to use client credentials."),
    ENTER,
    TARGET,
    GENERATE,
]
BY_KEY = [
    _("Create a service account with the provider, and a JSON key file for it."),
    _("Paste the whole file, and enter the token URL, the scopes required to send email, and the mailbox to send as."),
    GENERATE,
]


@hookimpl
def register_smtp_provider() -> Provider:
    """Bring the provider."""
    return Provider(
        key="custom",
        label=_("Custom"),
        needs=_("Any other server. You need its host name, its port and usually a user name and password."),
        connection=Connection(port=587, security="starttls"),
        authentication=[
            Password(),
            NoAuthentication(),
            OAuth2(
                grants=["authorization_code", "client_credentials", "service_account", "device_code"],
                # OpenID Connect Core, 11: without a consent there may be no lasting access (offline_access).
                authorize_parameters={"prompt": "consent"},
                grant_steps={
                    "authorization_code": IN_A_BROWSER,
                    "client_credentials": BY_ITSELF,
                    "service_account": BY_KEY,
                    "device_code": ON_A_DEVICE,
                },
            ),
        ],
        steps=[
            _("Ask the server's administrator for its host name, submission port and type of encryption."),
            _("Use port 587 with STARTTLS, or port 465 with TLS. Hosting companies often block port 25."),
            _("Unless told otherwise, the user name is the full email address."),
        ],
        source="https://www.rfc-editor.org/rfc/rfc8314#section-3",
        checked=date(2026, 11, 22),
    )
