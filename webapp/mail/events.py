"""What the mail server announces: its audit events, and signals when something changes that messages wait for."""

from blinker import Signal
from flask_babel import lazy_gettext as lazy

from webapp.audit.registry import EventType

# Sent inside the transaction that saves, with `session`.
mail_server_saved = Signal()
grant_obtained = Signal()
# The same, with the `expiry`.
expiry_alert_raised = Signal()

MAIL_SERVER_SAVED = EventType("mail_server.saved", lazy("Mail server saved"))
TEST_SEND_FINISHED = EventType("test_send.finished", lazy("Test email attempted"))
GRANT_OBTAINED = EventType("grant.obtained", lazy("Access token generated"))
GRANT_REFUSED = EventType("grant.refused", lazy("Access token could not be generated"))
GRANT_REFRESH_FAILED = EventType("grant.refresh_failed", lazy("Access token could not be refreshed"))
GRANT_REMOVED = EventType("grant.removed", lazy("Access token removed"))
EXPIRY_ALERT_RAISED = EventType("expiry_alert.raised", lazy("Administrators warned about the mail server"))
EXPIRY_ALERT_RESOLVED = EventType("expiry_alert.resolved", lazy("Mail server warning cleared"))

FIELD_LABELS = {
    "provider": lazy("Provider"),
    "mail_from": lazy("Mail From"),
    "authentication": lazy("Authentication"),
    "username": lazy("User name"),
    "password": lazy("Password"),
    "host": lazy("Host"),
    "port": lazy("Port"),
    "security": lazy("Security"),
    "tls_minimum": lazy("Minimum TLS version"),
    "timeout": lazy("Timeout in seconds"),
    "proxy_type": lazy("Proxy"),
    "proxy_host": lazy("Proxy host"),
    "proxy_port": lazy("Proxy port"),
    "proxy_username": lazy("Proxy user name"),
    "proxy_password": lazy("Proxy password"),
    "client_id": lazy("Client ID"),
    "client_secret": lazy("Client secret"),
    "tenant_id": lazy("Directory (tenant) ID"),
    "authorize_url": lazy("Authorization URL"),
    "token_url": lazy("Token URL"),
    "device_authorization_url": lazy("Device authorization URL"),
    "scopes": lazy("Scopes"),
    "service_account_key": lazy("Service account key (JSON)"),
    "secret_expires_on": lazy("Secret or key expires on"),
}
