"""The demo's own mail server, which shows every email on a page."""

import os

from webapp.providers import Connection, Password, Provider, _, hookimpl

PORT_VARIABLE = "MAILROOM_DEMO_INBOX_PORT"


@hookimpl
def register_smtp_provider() -> Provider:
    """Return the provider."""
    port = int(os.environ.get(PORT_VARIABLE, "8025"))
    return Provider(
        key="local_inbox",
        label=_("Demo inbox"),
        needs=_("Part of this demo: catches every email, no matter who it's addressed to."),
        connection=Connection(host="127.0.0.1", port=port, security="none"),
        authentication=[Password(username="mailroom")],
        steps=[
            _("The user name is mailroom and the password is local-inbox. The demo saved both when it started."),
            _("Send a test email, then open “Demo inbox” in the menu."),
        ],
        source="webapp/demo/smtp_server.py",
    )
