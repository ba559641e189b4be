"""The saved mail server: reading it, saving it, opening it to send."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from urllib.parse import urlsplit

import idna
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp import clock
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.context import Parts
from webapp.errors import Failure
from webapp.mail.models import MailServer
from webapp.mail.proxies import Proxy
from webapp.mail.transport import OpenedServer
from webapp.outbox import service as outbox
from webapp.registry import secret_fields
from webapp.sealing import Sealer
from webapp.settings.service import General

PRIMARY = 0
PROXY_PASSWORD = "proxy_password"  # noqa: S105 -- the name of a field
# Where a saved secret is sent to. When one of these changes, the secret has to be typed again, or
# whoever may edit the form could have it sent to a server of their own.
DESTINATION = (
    "provider", "host", "port", "security", "proxy_type", "proxy_host", "proxy_port", "authentication", "username",
)  # fmt: skip
PROXY_DESTINATION = ("proxy_type", "proxy_host", "proxy_port", "proxy_username")


class SecretsMoved(Failure):
    """Saved secrets were left blank although where they go to is another place than they were saved for."""


@dataclass(frozen=True)
class Draft:
    """A mail server as a form describes it: the columns by name, the provider's fields, the typed secrets."""

    values: Mapping[str, object]
    extra: Mapping[str, str]
    secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Draft({self.values.get('provider')!r})"


def primary(session: Session) -> MailServer | None:
    """The mail server that everything goes through, once one was saved."""
    return session.scalars(select(MailServer).where(MailServer.position == PRIMARY)).one_or_none()


def secret_names(parts: Parts, draft: Draft) -> frozenset[str]:
    """The secrets that this draft can have: those of its sign-in, of its provider's fields, of its proxy."""
    provider = parts.providers[str(draft.values["provider"])]
    method = provider.authentication_named(str(draft.values["authentication"]))
    names = {"password"} & set(method.uses if method else ()) | secret_fields(provider)
    if draft.values["proxy_type"] != "none" and draft.values["proxy_username"]:
        names.add(PROXY_PASSWORD)
    return frozenset(names)


def secrets_to_retype(parts: Parts, saved: MailServer | None, draft: Draft) -> frozenset[str]:
    """The saved secrets that were left blank although where they go to has changed."""
    if saved is None:
        return frozenset()
    blank = {name for name in secret_names(parts, draft) if name in saved.secrets and not draft.secrets.get(name)}
    moved = any(getattr(saved, name) != draft.values[name] for name in DESTINATION) or saved.extra != dict(draft.extra)
    proxy_moved = any(getattr(saved, name) != draft.values[name] for name in PROXY_DESTINATION)
    return frozenset(name for name in blank if (proxy_moved if name == PROXY_PASSWORD else moved))


def save(session: Session, parts: Parts, draft: Draft, by: str) -> MailServer:
    """Save the draft as the primary mail server and have everything that waits tried at once.

    A blank secret keeps the saved one; secrets that the new settings cannot use are forgotten.
    Raises SecretsMoved: somebody else may have saved since the form was checked.
    """
    server = _locked(session)
    before = _fields(server) if server else {}
    if server is None:
        server = MailServer(position=PRIMARY, secrets={})
        try:
            with session.begin_nested():
                session.add(_filled(server, parts, draft, by))
        except IntegrityError:
            # A second click, or another administrator, saved the first one at the same moment.
            return save(session, parts, draft, by)
    elif secrets_to_retype(parts, server, draft):
        raise SecretsMoved
    else:
        _filled(server, parts, draft, by)
    outbox.retry_all(session, parts.queue)
    after = _fields(server)
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    audit.record(session, Event.MAIL_SERVER_SAVED, provider=server.provider, changed=changed)
    return server


def opened(server: MailServer, parts: Parts, general: General) -> OpenedServer:
    """The saved server with its secrets open. Raises UnknownProvider or SealBroken."""
    values = {column.key: getattr(server, column.key) for column in MailServer.__table__.columns}
    return _opened(parts, general, values, server.extra, _open_secrets(parts.sealer, server))


def opened_draft(draft: Draft, saved: MailServer | None, parts: Parts, general: General) -> OpenedServer:
    """An unsaved server, as a test uses it: a blank secret is the saved one. Raises SealBroken."""
    names = secret_names(parts, draft)
    kept = _open_secrets(parts.sealer, saved, only=names) if saved else {}
    typed = {name: value for name, value in draft.secrets.items() if value and name in names}
    return _opened(parts, general, draft.values, draft.extra, {**kept, **typed})


def introduction(general: General, mail_from: str) -> str:
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


def _locked(session: Session) -> MailServer | None:
    """The primary, which nobody else changes until the end of the transaction."""
    found = select(MailServer).where(MailServer.position == PRIMARY).with_for_update()
    return session.scalars(found).one_or_none()


def _fields(server: MailServer) -> dict[str, object]:
    """What a form can change, by name; secrets sealed, so that they differ whenever they were typed."""
    kept = ("id", "position", "extra", "secrets", "updated_at", "updated_by")
    names = [column.key for column in MailServer.__table__.columns if column.key not in kept]
    return {name: getattr(server, name) for name in names} | server.extra | server.secrets


def _filled(server: MailServer, parts: Parts, draft: Draft, by: str) -> MailServer:
    server.secrets = _sealed(parts, server, draft)
    for name, value in draft.values.items():
        setattr(server, name, value)
    server.extra = dict(draft.extra)
    server.updated_at = clock.now()
    server.updated_by = by
    return server


def _opened(
    parts: Parts, general: General, values: Mapping[str, object], extra: Mapping[str, str], secrets: Mapping[str, str]
) -> OpenedServer:
    proxy = None
    if values["proxy_type"] != "none":
        proxy = Proxy(
            type=str(values["proxy_type"]),
            host=str(values["proxy_host"]),
            port=int(str(values["proxy_port"])),
            username=str(values["proxy_username"]),
            password=secrets.get(PROXY_PASSWORD, ""),
        )
    mail_from = str(values["mail_from"])
    return OpenedServer(
        provider=parts.providers[str(values["provider"])],
        mail_from=mail_from,
        host=str(values["host"]),
        port=int(str(values["port"])),
        security=str(values["security"]),
        tls_minimum=str(values["tls_minimum"]),
        timeout=int(str(values["timeout"])),
        authentication=str(values["authentication"]),
        username=str(values["username"]),
        helo=introduction(general, mail_from),
        proxy=proxy,
        secrets={name: value for name, value in secrets.items() if name != PROXY_PASSWORD},
        fields=extra,
    )


def _sealed(parts: Parts, server: MailServer, draft: Draft) -> dict[str, dict[str, str]]:
    names = secret_names(parts, draft)
    secrets = {name: value for name, value in server.secrets.items() if name in names}
    for name in names:
        if value := draft.secrets.get(name):
            secrets[name] = {"sealed": parts.sealer.seal(value, _purpose(name)), "saved_at": clock.now().isoformat()}
    return secrets


def _open_secrets(sealer: Sealer, server: MailServer, only: frozenset[str] | None = None) -> dict[str, str]:
    names = server.secrets if only is None else only & set(server.secrets)
    return {name: sealer.open(server.secrets[name]["sealed"], _purpose(name)) for name in names}


def _purpose(name: str) -> str:
    return f"mail_server.{name}"


def _a_labels(name: str) -> str:
    """The host name as A-labels, empty when it is none."""
    try:
        return name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return ""
