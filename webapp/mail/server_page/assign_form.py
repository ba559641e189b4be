"""The form for the name of a mail server, and for the senders and applications that it is for."""

from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import Field, SelectChoice, SelectMultipleField, StringField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from webapp.applications.models import Application
from webapp.core.email_addresses import InvalidEmailAddress, validate
from webapp.core.i18n import lazy_gettext as lazy
from webapp.mail.models import MAX_NAME_LENGTH, MailServer
from webapp.web.forms import VersionedForm


class DomainsField(TextAreaField):
    """Domains, one in each line."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the domains. Raises ValueError, in words for people."""
        if not valuelist:
            return
        self.data = []
        for text in valuelist[0].replace(",", " ").split():
            try:
                domain = validate(f"postmaster@{text.removeprefix('@')}").rpartition("@")[2].lower()
            except InvalidEmailAddress:
                raise ValueError(_("“%(text)s” is not a domain. Enter one such as example.com.", text=text)) from None
            self.data += [domain] if domain not in self.data else []

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else "\n".join(self.data or [])


class AssignForm(VersionedForm):
    """What a mail server is called, and which emails it is for."""

    name = StringField(lazy("Name"), [InputRequired(lazy("Enter a name.")), Length(max=MAX_NAME_LENGTH)])
    for_domains = DomainsField(lazy("Only for senders in these domains"))
    for_applications = SelectMultipleField(
        lazy("Only for these applications"), widget=ListWidget(prefix_label=False), option_widget=CheckboxInput()
    )

    @classmethod
    def of(
        cls, server: MailServer, applications: list[Application], posted: MultiDict[str, str] | None = None
    ) -> "AssignForm":
        """Return the form of this server, with what was `posted`; else with what the request has."""
        data: dict[str, Any] = {name: getattr(server, name) for name in ("name", "for_domains", "for_applications")}
        form = cls(data=data) if posted is None else cls(formdata=posted)
        named = {one.identifier: one.name for one in applications}
        # One that was deleted is shown as long as the server is for it.
        known = {**dict.fromkeys(server.for_applications, ""), **named}
        form.for_applications.choices = [SelectChoice(key, name or key) for key, name in known.items()]
        form.show_version(server.version)
        return form

    def validate_name(self, field: Field) -> None:
        """Reject names without visible characters."""
        if not field.data.strip():
            raise ValidationError(_("Enter a name."))
