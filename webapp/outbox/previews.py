"""Every mail as administrators can look at it: composed as a real one, of facts that are nobody's."""

from datetime import timedelta
from typing import Any

import flask_mail

from webapp.accounts.links import service as links
from webapp.core import clock, i18n
from webapp.core.errors import NotFound
from webapp.mail.compose import TEMPLATES, compose
from webapp.mail.expiry.service import AHEAD, Expiry, ExpiryState, ExpirySubject
from webapp.outbox.letters import PURPOSES
from webapp.settings.security import SecurityPolicy
from webapp.settings.service import General

# Nothing under .invalid exists, ever (RFC 2606, section 2), and a link's secret never looks like this.
EXAMPLE_URL = "https://preview.invalid"
NO_SECRET = "PREVIEW-this-link-does-nothing"  # noqa: S105 -- it is none
RECIPIENT, SENDER = "ada@preview.invalid", "mailroom@preview.invalid"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
# For documentation (RFC 5737).
CLIENT = "192.0.2.1"


def preview(template: str, language: str, general: General, security: SecurityPolicy) -> flask_mail.Message:
    """The mail of this name, in this language or, if it is none of ours, in English. Raises NotFound.

    Names of product and support are the real ones, and so is how long links are good. Needs an
    application context.
    """
    if template not in TEMPLATES:
        raise NotFound
    nowhere = General(EXAMPLE_URL, general.product_name, general.support_address)
    link = EXAMPLE_URL + links.PATHS[PURPOSES[template]] + NO_SECRET if template in PURPOSES else None
    with i18n.use_language(language):
        return compose(template, RECIPIENT, SENDER, nowhere, _facts(template, security), link)


def _facts(template: str, security: SecurityPolicy) -> dict[str, Any]:
    """What any of the mails speaks of."""
    now = clock.now()
    lifetimes = {
        "activation": security.activation_lifetime,
        "reset": security.reset_lifetime,
        "confirm_address": links.CONFIRMATION_LIFETIME,
        "address_changed": links.RESTORE_LIFETIME,
    }
    where = {"client": CLIENT, "device": FIREFOX}
    return {
        "name": "Ada Lovelace",
        "address": "lovelace@preview.invalid",
        "account": RECIPIENT,
        "code": "0000-0000",
        "provider": "SendGrid",
        "happened_at": now,
        "valid_until": now + lifetimes.get(template, security.activation_lifetime),
        "until": now + timedelta(minutes=15),
        "everywhere": False,
        "by_link": True,
        "sign_ins": [{"at": now, **where}],
        "more": 0,
        "expiry": Expiry(ExpirySubject.CLIENT_SECRET, ExpiryState.SOON, now + AHEAD),
        **where,
    }
