"""What the mail server page shows beyond the form's own values: hints, labels, what is unfolded."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _

from webapp import formats
from webapp.mail.forms import MailServerForm
from webapp.mail.models import MailServer
from webapp.mail.service import Draft
from webapp.providers import Diagnosis, Password

CONNECTION = ("host", "port", "security")
SECURITIES = {"starttls": "STARTTLS", "tls": "TLS"}
ADVANCED = ("tls_minimum", "timeout", "proxy_type", "proxy_host", "proxy_port", "proxy_username", "proxy_password")


def of(form: MailServerForm, saved: MailServer | None, draft: Draft | None) -> dict[str, Any]:
    """The names that the template needs."""
    method = form.chosen.authentication_named(form.authentication.data or "") or form.chosen.authentication[0]
    # Without JavaScript a field cannot appear when the sign-in is changed, so it is there whenever
    # one of the provider's ways to sign in uses it.
    passwords = [one for one in form.chosen.authentication if "password" in one.uses]
    shown = method if "password" in method.uses else next(iter(passwords), None)
    if isinstance(shown, Password):
        form.username.label.text = str(shown.username_label)
        form.password.label.text = str(shown.password_label)
    return {
        "needs": {one.key: one.needs for one in form.providers},
        "uses": {name for one in form.chosen.authentication for name in one.uses},
        "secret_hint": _secret_hint(saved if saved and saved.provider == form.chosen.key else None, draft),
        "unfold": {"connection": _own_connection(form), "advanced": _any_advanced(form)},
        "connection_line": _connection_line(form),
    }


def suggestion(form: MailServerForm, diagnosis: Diagnosis) -> str:
    """The values that would mend a failure, as people read them: `Security: STARTTLS and Port: 587`."""
    shown = {**SECURITIES, "none": _("none")}
    return formats.listed(
        f"{form[name].label.text}: {shown.get(value, value)}" for name, value in diagnosis.fix.items() if name in form
    )


def _secret_hint(saved: MailServer | None, draft: Draft | None) -> Callable[[str, Any], str]:
    def hint(name: str, note: Any) -> str:
        words = [str(note)] if note else []
        if draft is not None and draft.secrets.get(name):
            words.append(_("Typed just now and kept until you save; leave blank to use it."))
        elif saved is not None and name in saved.secrets:
            day = format_date(datetime.fromisoformat(saved.secrets[name]["saved_at"]), "medium")
            words.append(_("Saved on %(day)s; leave blank to keep it.", day=day))
        return " ".join(words)

    return hint


def _own_connection(form: MailServerForm) -> bool:
    """Whether the connection is worth a look: wrong, the user's own, or not known yet."""
    connection = form.chosen.connection
    own = (form.host.data, str(form.port.data), form.security.data)
    return own != (connection.host, str(connection.port), connection.security) or any(
        form[name].errors for name in CONNECTION
    )


def _any_advanced(form: MailServerForm) -> bool:
    return form.proxy_type.data != "none" or any(form[name].errors for name in ADVANCED)


def _connection_line(form: MailServerForm) -> str:
    if not form.host.data or form.host.errors:
        return ""
    names = {**SECURITIES, "none": _("not encrypted")}
    return f"{form.host.data}:{form.port.data or ''}, {names.get(form.security.data or '', '')}"
