"""Any SMTP server."""

from datetime import date

from webapp.providers import Connection, NoAuthentication, OAuth2, Password, Provider, _, hookimpl

ENTER = _("Enter the provider's addresses, the scopes that sending needs, and the application's client ID and secret.")
OPENID = _("OpenID providers want openid, email and offline_access among the scopes, beside those of the mail server.")
TARGET = _("If tokens are for one service each, name it in the token address: ?resource=… or ?audience=…")
GENERATE = _("Enter the mail server's host and port under Connection, save, and choose “Generate access token”.")
IN_A_BROWSER = [
    _("Register an application at the provider, with the redirect URI from this page."),
    ENTER,
    OPENID,
    TARGET,
    GENERATE,
]
ON_A_DEVICE = [
    _("Register an application at the provider and allow it to use device codes."),
    ENTER,
    OPENID,
    TARGET,
    GENERATE,
]
BY_ITSELF = [
    _("Register an application at the provider and allow it to use client credentials."),
    ENTER,
    TARGET,
    GENERATE,
]
BY_KEY = [
    _("Make a service account at the provider, and a key for it as a JSON file."),
    _("Paste the whole file, and enter the token address, the scopes that sending needs and the mailbox to send as."),
    GENERATE,
]


@hookimpl
def register_smtp_provider() -> Provider:
    """Bring the provider."""
    return Provider(
        key="custom",
        label=_("Custom"),
        needs=_("Any other server: its host name, port and, most often, a user name and password."),
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
            _("Ask whoever runs the server for its host name, its port for submission and how it is encrypted."),
            _("Port 587 goes with STARTTLS, port 465 with TLS. Port 25 is often blocked by hosting companies."),
            _("Sign in with the whole e-mail address where nothing else is said."),
        ],
        source="https://www.rfc-editor.org/rfc/rfc8314#section-3",
        checked=date(2026, 11, 22),
    )
