"""What is said of the place of a mail server after it changed."""

from flask_babel import gettext as _

from webapp.mail.models import MailServer
from webapp.mail.servers import PRIMARY


def place_of(server: MailServer) -> str:
    """Return for what a server that is used is used now, in the reader's language."""
    if server.position == PRIMARY:
        return _("All email goes through %(server)s now.", server=server.name)
    if server.is_dedicated:
        return _("%(server)s sends for certain senders or applications now.", server=server.name)
    return _("%(server)s is fallback %(number)s now.", server=server.name, number=server.position)
