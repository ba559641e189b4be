"""What the mail server page shows beyond the form's own values: hints, labels, what is unfolded."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _

from webapp.core import formatting
from webapp.mail.models import MailServer
from webapp.mail.server_page.forms import MailServerForm
from webapp.mail.servers import ServerDraft
from webapp.providers import Diagnosis, OAuth2, Password, Provider

CONNECTION = ("host", "port", "security")
SECURITIES = {"starttls": "STARTTLS", "tls": "TLS"}
# Where providers may be, as sources of CSP. Addresses that are entered may be of this machine, for one that is
# tried out there.
ELSEWHERE = ("https:",)
ANYWHERE = (*ELSEWHERE, "http://127.0.0.1:*", "http://localhost:*")
ADVANCED = ("tls_minimum", "timeout", "proxy_type", "proxy_host", "proxy_port", "proxy_username", "proxy_password")


def page_context(form: MailServerForm, saved: MailServer | None, draft: ServerDraft | None) -> dict[str, Any]:
    """The names that the template needs."""
    password = next((one for one in form.chosen.authentication_methods if isinstance(one, Password)), None)
    if password is not None:
        form.username.label.text = str(password.username_label)
        form.password.label.text = str(password.password_label)
    return {
        "needs": {one.key: one.needs for one in form.providers},
        "ways": form.chosen.authentication_methods,
        "tokens": [one for one in form.chosen.authentication_methods if isinstance(one, OAuth2)],
        "removable": [one.key for one in form.chosen.authentication_methods if "client_secret" in one.optional_fields],
        "auth_classes": lambda *names: authentication_classes(form.chosen, *names),
        "secret_hint": _secret_hint(saved if saved and saved.provider == form.chosen.key else None, draft),
        "unfold": {"connection": _own_connection(form), "advanced": _any_advanced(form)},
        "connection_line": _connection_line(form),
    }


def authentication_classes(provider: Provider, *names: str) -> str:
    """The classes of a part of the page that is there for these fields; empty if no way to sign in uses one.

    The style sheet hides what the chosen way does not need, so that it works without scripts.
    """
    ways = [way.key for way in provider.authentication_methods if set(names) & set(way.fields)]
    return " ".join(["auth-method", *(f"auth-{key}" for key in ways)]) if ways else ""


def form_targets(provider: Provider) -> Sequence[str]:
    """Where forms of the page may end: at the provider, and whoever signs people in for it."""
    ways = [
        way for way in provider.authentication_methods if isinstance(way, OAuth2) and way.grant == "authorization_code"
    ]
    if not ways:
        return ()
    return ELSEWHERE if ways[0].token_url else ANYWHERE


def labels(form: MailServerForm, names: Collection[str]) -> str:
    """What fields are called on the page."""
    return formatting.format_list(str(field.label.text) for field in form if field.name in names)


def suggestion(form: MailServerForm, diagnosis: Diagnosis) -> str:
    """The values that would mend a failure, as people read them: `Security: STARTTLS and Port: 587`."""
    shown = {**SECURITIES, "none": _("none")}
    return formatting.format_list(
        f"{form[name].label.text}: {shown.get(value, value)}" for name, value in diagnosis.fix.items() if name in form
    )


def _secret_hint(saved: MailServer | None, draft: ServerDraft | None) -> Callable[[str, Any], str]:
    def hint(name: str, note: Any) -> str:
        words = [str(note)] if note else []
        if draft is not None and draft.secrets.get(name):
            words.append(_("Kept from your last try. Leave blank to use it again."))
        elif saved is not None and name in saved.secrets:
            day = format_date(datetime.fromisoformat(saved.secrets[name]["saved_at"]), "medium")
            words.append(_("Saved on %(day)s. Leave blank to keep it.", day=day))
        return " ".join(words)

    return hint


def _own_connection(form: MailServerForm) -> bool:
    """Whether the connection is worth a look: wrong, the user's own, or not known yet."""
    connection = form.chosen.connection
    own = (form.host.data, str(form.port.data), form.security.data)
    changed = own != (connection.host, str(connection.port), connection.security)
    return changed or not form.host.data or any(form[name].errors for name in CONNECTION)


def _any_advanced(form: MailServerForm) -> bool:
    return form.proxy_type.data != "none" or any(form[name].errors for name in ADVANCED)


def _connection_line(form: MailServerForm) -> str:
    if not form.host.data or form.host.errors:
        return ""
    names = {**SECURITIES, "none": _("not encrypted")}
    return f"{form.host.data}:{form.port.data or ''}, {names.get(form.security.data or '', '')}"
