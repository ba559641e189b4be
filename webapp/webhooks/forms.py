"""The form of one webhook."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import Field, RadioField, SelectChoice, SelectField, SelectMultipleField, StringField, ValidationError
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from webapp.core import http_client
from webapp.core.i18n import lazy_gettext as lazy
from webapp.web.forms import Form, text_error
from webapp.webhooks import registry
from webapp.webhooks.registry import Audience

ALL, CHOSEN = "all", "chosen"
MAX_NAME_LENGTH = 100


class WebhookForm(Form):
    """Where events are sent, and which."""

    webhook_name = StringField(lazy("Name"), [InputRequired(lazy("Enter a name."))])
    webhook_url = StringField(lazy("Webhook URL"), [InputRequired(lazy("Enter the URL of the receiver."))])
    webhook_application = SelectField(lazy("Application"), coerce=int, default=0)
    webhook_scope = RadioField(
        lazy("Which events"),
        choices=[
            SelectChoice(ALL, lazy("All, including those that later versions add")),
            SelectChoice(CHOSEN, lazy("Only those selected below")),
        ],
    )
    webhook_events = SelectMultipleField(
        lazy("Events"), widget=ListWidget(prefix_label=False), option_widget=CheckboxInput()
    )

    def __init__(self, applications: dict[int, str], **given: Any) -> None:
        super().__init__(**given)
        # Those about the same things follow each other, whichever package has registered them.
        types = sorted(registry.event_types().items(), key=lambda item: item[0].partition(".")[0])
        self.webhook_events.choices = [SelectChoice(name, f"{one.label} ({name})") for name, one in types]
        names = {0: _("All applications"), **applications}
        self.webhook_application.choices = [SelectChoice(str(id_), name) for id_, name in names.items()]

    @property
    def values(self) -> dict[str, Any]:
        """What `service.create` and `update` take."""
        return {
            "name": self.webhook_name.data,
            "url": self.webhook_url.data,
            "application_id": self.webhook_application.data or None,
            "events": self.webhook_events.data if self.webhook_scope.data == CHOSEN else [],
        }

    def validate_webhook_name(self, field: Field) -> None:
        """Reject names that are too long."""
        if error := text_error(field.data, most=MAX_NAME_LENGTH):
            raise ValidationError(error)

    def validate_webhook_url(self, field: Field) -> None:
        """Reject URLs that events may not be sent to."""
        try:
            http_client.parse_url(field.data)
        except http_client.InvalidUrl:
            raise ValidationError(
                _("Enter a full URL that starts with https://. http:// is allowed only for this machine.")
            ) from None

    def validate_webhook_events(self, _field: Field) -> None:
        """Require an event, and only such as the application has."""
        if self.webhook_scope.data == CHOSEN and not self.webhook_events.data:
            raise ValidationError(_("Select at least one event."))
        # Unknown names were reported before.
        known = registry.event_types()
        for name in self.values["events"] if self.webhook_application.data else ():
            if name in known and known[name].audience is Audience.NOBODY:
                raise ValidationError(_("%(name)s is sent only to webhooks of all applications.", name=name))


def scope_of(events: Sequence[str]) -> str:
    """Return whether all or only chosen events are sent, as the form says it."""
    return CHOSEN if events else ALL


def to_post(values: Mapping[str, Any]) -> MultiDict[str, str]:
    """Return what a browser would send for values such as those of the form."""
    posted = MultiDict({f"webhook_{name}": str(values[name]) for name in ("name", "url")})
    posted["webhook_application"] = str(values["application_id"] or 0)
    posted["webhook_scope"] = scope_of(values["events"])
    posted.setlist("webhook_events", list(values["events"]))
    return posted
