"""Write the present settings as a settings file. Secrets aren't in it: placeholders say where to give them."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import tomlkit
from sqlalchemy.orm import Session
from tomlkit.items import AoT, Table
from wtforms import BooleanField, DateField, Field, IntegerField

from webapp.applications import service as applications
from webapp.applications.models import Application
from webapp.applications.names import names as application_names
from webapp.applications.values import PERMISSIONS
from webapp.core.config import Config
from webapp.mail.models import MailServer
from webapp.mail.server_page.forms import mail_server_form
from webapp.mail.servers import COLUMNS, in_order
from webapp.providers.registry import get_providers
from webapp.settings import service as settings
from webapp.settings.declared import APPLICATIONS, GENERAL, MAIL_SERVERS, SECURITY, WEBHOOKS
from webapp.settings_file.applications import LISTS, OTHERS
from webapp.webhooks import service as webhooks
from webapp.webhooks.models import Webhook

HEADER = """Mailroom's settings, as `mailroom settings export` wrote them.
What this file sets is locked on the pages. Remove what people should change there.
Check it with `mailroom check-settings`; docs/settings-file.md describes it."""
PLACEHOLDER = 'set this variable, or write { file = "…" }'


def export(session: Session) -> str:
    """Return the settings as TOML."""
    document = tomlkit.document()
    for line in HEADER.split("\n"):
        document.add(tomlkit.comment(line))
    # Without the public URL of the environment, which isn't saved.
    general = asdict(settings.general(session, Config())) | {"content_days": settings.content_days(session)}
    document.add(GENERAL, _table(general))
    document.add(SECURITY, _table(asdict(settings.security(session))))
    if used := in_order(session):
        document.add(MAIL_SERVERS, _tables(_mail_servers(session, used)))
    if found := applications.list_all(session):
        document.add(APPLICATIONS, _tables([_application(*one) for one in enumerate(found, 1)]))
    if hooks := webhooks.list_all(session):
        names = application_names(session)
        tables = [_webhook(*one, names.get(one[1].application_id or 0, "")) for one in enumerate(hooks, 1)]
        document.add(WEBHOOKS, _tables(tables))
    return tomlkit.dumps(document)


def _mail_servers(session: Session, used: list[MailServer]) -> list[Table]:
    if len(used) == 1:
        return [_mail_server(used[0], {})]
    names = {one.identifier: one.name for one in applications.list_all(session)}
    tables = []
    for number, server in enumerate(used, 1):
        bound = [names[one] for one in server.for_applications if one in names]
        place = {"name": server.name, "for_domains": server.for_domains, "for_applications": bound}
        tables.append(_mail_server(server, {key: value for key, value in place.items() if value}, number, server.name))
    return tables


def _mail_server(server: MailServer, place: Mapping[str, Any], *parts: object) -> Table:
    values = {**place, **{key: getattr(server, key) for key in COLUMNS}}
    if server.proxy_type == "none":
        values |= dict.fromkeys(("proxy_host", "proxy_port", "proxy_username"))
    if provider := get_providers().get(server.provider):
        form = mail_server_form(provider, {}, None)
        values |= {key: _typed(form[key], value) for key, value in server.provider_fields.items() if key in form}
    table = _table(values)
    for name in sorted(server.sealed_secrets):
        _add_secret(table, name, _variable("MAIL_SERVER", *parts, name))
    return table


def _application(number: int, application: Application) -> Table:
    may = [name for name, field in PERMISSIONS.items() if getattr(application, field)]
    values = {"name": application.name, "identifier": application.identifier, "may": may}
    values |= {key: getattr(application, field) for key, field in {**LISTS, **{key: key for key in OTHERS}}.items()}
    table = _table({key: value for key, value in values.items() if value})
    comment = "only its hash is stored: set this variable to the secret that the application has"
    _add_secret(table, "secret", _variable("APPLICATION", number, application.name, "SECRET"), comment)
    return table


def _webhook(number: int, webhook: Webhook, application: str) -> Table:
    table = _table({"name": webhook.name})
    # A URL may be all it takes to post to it.
    _add_secret(table, "url", _variable("WEBHOOK", number, webhook.name, "URL"))
    for key, value in {"events": webhook.events, "application": application}.items():
        if value:
            table.add(key, value)
    _add_secret(table, "secret", _variable("WEBHOOK", number, webhook.name, "SECRET"))
    return table


def _variable(*parts: object) -> str:
    """Return the name of an environment variable. A number keeps names apart that have the same ASCII letters."""
    return re.sub(r"[^A-Z0-9]+", "_", "_".join(map(str, parts)).upper())


def _add_secret(table: Table, key: str, variable: str, comment: str = PLACEHOLDER) -> None:
    """Add a placeholder for a secret: an environment variable, and a comment that says what to do."""
    reference = tomlkit.inline_table()
    reference["env"] = variable
    table.add(key, reference)
    table[key].comment(comment)


def _table(values: Mapping[str, Any]) -> Table:
    """Return a table of the values that there are."""
    table = tomlkit.table()
    for key, value in values.items():
        if value not in (None, ""):
            table.add(key, value)
    return table


def _tables(tables: list[Table]) -> AoT:
    array = tomlkit.aot()
    for table in tables:
        array.append(table)
    return array


def _typed(field: Field, text: str) -> Any:
    """Return the value of a provider's own field, which is stored as text, as the file has it."""
    if isinstance(field, BooleanField):
        return text == str(True)
    if isinstance(field, IntegerField):
        return int(text) if text else None
    if isinstance(field, DateField):
        return date.fromisoformat(text) if text else None
    return text
