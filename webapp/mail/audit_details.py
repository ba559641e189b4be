"""What the audit trail needs to know about mail server events: their names, and how their data reads."""

from flask import Flask
from flask_babel import gettext as _

from webapp.audit import registry
from webapp.audit.registry import Describe
from webapp.mail import audit_events
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.expiry import labels
from webapp.mail.server_page.forms import MailServerForm
from webapp.mail.transcript import Stage, stage_label
from webapp.providers import Failure
from webapp.providers.oauth2 import LABELS
from webapp.providers.registry import get_providers
from webapp.web.forms import labels_of


def _grant_type(grant_type: str) -> str:
    known = {str(name): label for name, label in LABELS.items()}
    return _("Authentication: %(kind)s.", kind=known.get(grant_type, grant_type))


def _stage(stage: str) -> str:
    return _("Stage: %(stage)s.", stage=stage_label(stage) if stage in list(Stage) else stage)


def _error(code: str) -> str:
    """Word a failure on the way to an access token; a code of the provider's is shown as it is."""
    text = describe(Failure(Stage.TOKEN, code))
    return text if text != code else _("Error: %(code)s.", code=code)


DETAILS: dict[str, Describe] = {
    "code": _error,
    "grant_type": _grant_type,
    "provider": lambda key: _("Provider: %(provider)s.", provider=get_providers().label(key)),
    "revision": lambda number: _("Restored from revision %(number)s.", number=number),
    "server": lambda name: _("Mail server: %(name)s.", name=name),
    "stage": _stage,
    "state": lambda state: _("State: %(state)s.", state=labels.STATES.get(state, state)),
    "about": lambda subject: _("About: %(what)s.", what=labels.NAMES.get(subject, subject)),
}


def init_app(app: Flask) -> None:
    """Register these events with the audit trail."""
    registry.register(app, audit_events, DETAILS, labels_of(MailServerForm))
