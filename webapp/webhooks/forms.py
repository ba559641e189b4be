"""The form of the Webhook page."""

from flask_babel import gettext as _
from wtforms import Field, StringField, ValidationError

from webapp.core import http_client
from webapp.core.i18n import lazy_gettext as lazy
from webapp.web.forms import Form


class WebhookForm(Form):
    """The URL that events are sent to; empty turns the webhook off."""

    webhook_url = StringField(lazy("Webhook URL"))

    def validate_webhook_url(self, field: Field) -> None:
        """Reject URLs that events may not be sent to."""
        try:
            if field.data:
                http_client.parse_url(field.data)
        except http_client.InvalidUrl:
            raise ValidationError(
                _("Enter a full URL that starts with https://. http:// is allowed only for this machine.")
            ) from None
