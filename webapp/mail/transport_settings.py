"""Opening a mail server to send: its secrets, its name for us, where its access tokens come from."""

import socket
from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from urllib.parse import urlsplit

import idna

from webapp.core.app_state import AppState
from webapp.mail.grants import service as grants
from webapp.mail.grants import token_source
from webapp.mail.models import MailServer
from webapp.mail.servers import CLIENT_SECRETS, PROXY_PASSWORD, ServerDraft, open_secrets
from webapp.mail.transport.settings import TransportSettings
from webapp.providers.registry import get_providers
from webapp.settings.service import General


def load(server: MailServer, parts: AppState, general: General) -> TransportSettings:
    """Return the settings of the saved server. Raises UnknownProvider or CannotUnseal."""
    secrets = open_secrets(parts.sealer, server)
    return _settings(parts, general, _values(server), server.provider_fields, secrets, server.id)


def from_draft(draft: ServerDraft, saved: MailServer | None, parts: AppState, general: General) -> TransportSettings:
    """Return the settings of an unsaved server, for a test: blank secrets, and the grant if it stays, are the saved.

    Raises CannotUnseal.
    """
    entered = draft.entered_secrets
    blank = draft.secret_names - entered.keys()
    opened = open_secrets(parts.sealer, saved, needed=blank) if saved else {}
    secrets = {name: value for name, value in opened.items() if name in blank} | entered
    keeps_grant = saved is not None and not grants.discarding_changes(saved, draft, opened)
    grant_of = saved.id if saved is not None and keeps_grant else None
    return _settings(parts, general, draft.values, draft.provider_fields, secrets, grant_of)


def ehlo_name(general: General, mail_from: str) -> str:
    """The name to give in EHLO: a real host name, as some servers refuse `localhost` and the like.

    The public address's host, else this machine's full name, else the domain mail is sent from.
    """
    for name in _own_names(general, mail_from):
        ascii_name = _a_labels(name)
        if "." in ascii_name and "localhost" not in ascii_name and not ascii_name.replace(".", "").isdigit():
            return ascii_name
    return socket.gethostname() if "localhost" not in socket.gethostname() else "mailroom.invalid"


def _own_names(general: General, mail_from: str) -> Iterator[str]:
    yield urlsplit(general.public_url).hostname or ""
    # Asks the name service, which may take its time: only where the public address says nothing.
    yield socket.getfqdn()
    yield parseaddr(mail_from)[1].rpartition("@")[2]


def _values(server: MailServer) -> Mapping[str, object]:
    return {column.key: getattr(server, column.key) for column in MailServer.__table__.columns}


def _settings(
    parts: AppState,
    general: General,
    values: Mapping[str, object],
    extra: Mapping[str, str],
    secrets: Mapping[str, str],
    grant_of: int | None,
) -> TransportSettings:
    # The mail server never sees those that gain tokens, nor that of the proxy.
    not_for_the_server = {PROXY_PASSWORD, *CLIENT_SECRETS}
    mail_from, provider = str(values["mail_from"]), get_providers()[str(values["provider"])]
    return TransportSettings(
        provider=provider,
        mail_from=mail_from,
        host=str(values["host"]),
        port=int(str(values["port"])),
        security=str(values["security"]),
        tls_minimum=str(values["tls_minimum"]),
        timeout=int(str(values["timeout"])),
        authentication=str(values["authentication"]),
        username=str(values["username"]),
        helo=ehlo_name(general, mail_from),
        proxy=token_source.proxy(values, secrets),
        tokens=token_source.from_values(parts, provider, values, secrets, grant_of),
        secrets={name: value for name, value in secrets.items() if name not in not_for_the_server},
        fields=extra,
    )


def _a_labels(name: str) -> str:
    """The host name as A-labels, empty when it is none."""
    try:
        return name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return ""
