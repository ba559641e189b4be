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
from webapp.mail import grants
from webapp.mail.models import MailServer
from webapp.mail.oauth import words
from webapp.mail.oauth.faults import Unusable
from webapp.mail.oauth.registration import Registration
from webapp.mail.proxies import Proxy
from webapp.mail.renewal import TokenSource
from webapp.mail.transport import OpenedServer
from webapp.outbox import service as outbox
from webapp.providers import Authentication, OAuth2
from webapp.registry import UnknownProvider, secret_fields
from webapp.sealing import SealBroken, Sealer
from webapp.settings.service import General

PRIMARY = 0
PROXY_PASSWORD = "proxy_password"  # noqa: S105 -- the name of a field
# Where a saved secret is sent to. When one of these changes, the secret has to be typed again, or
# whoever may edit the form could have it sent to a server of their own.
DESTINATION = (
    "provider", "host", "port", "security", "proxy_type", "proxy_host", "proxy_port", "authentication", "username",
    "client_id", "tenant_id", "token_url",
)  # fmt: skip
# What only OAuth2 needs; a draft that does not name them has none of it.
OF_OAUTH2 = ("client_id", "tenant_id", "authorize_url", "token_url", "device_authorization_url", "scopes")
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
    provider, method = parts.providers[str(draft.values["provider"])], _method(parts, draft.values)
    names = {"password", *grants.SECRETS} & set(method.uses if method else ()) | secret_fields(provider)
    if draft.values["proxy_type"] != "none" and draft.values["proxy_username"]:
        names.add(PROXY_PASSWORD)
    return frozenset(names)


def secrets_to_retype(parts: Parts, saved: MailServer | None, draft: Draft) -> frozenset[str]:
    """The saved secrets that were left blank although where they go to has changed."""
    if saved is None:
        return frozenset()
    blank = {name for name in secret_names(parts, draft) if name in saved.secrets and not draft.secrets.get(name)}
    moved = any(getattr(saved, name) != draft.values.get(name, "") for name in DESTINATION)
    moved = moved or saved.extra != dict(draft.extra)
    proxy_moved = any(getattr(saved, name) != draft.values[name] for name in PROXY_DESTINATION)
    return frozenset(name for name in blank if (proxy_moved if name == PROXY_PASSWORD else moved))


def save(session: Session, parts: Parts, draft: Draft, by: str) -> MailServer:
    """Save the draft as the primary mail server and have everything that waits tried at once.

    A blank secret keeps the saved one; secrets that the new settings cannot use are forgotten, and
    so is a grant that was gained with other settings (see `erases_grant`).
    Raises SecretsMoved: somebody else may have saved since the form was checked.
    """
    server = locked(session)
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
        if changed := erases_grant(parts, server, draft):
            grants.erase(session, server, changed)
        _filled(server, parts, draft, by)
    grants.prepare(session, server, _method(parts, draft.values))
    outbox.retry_all(session, parts.queue)
    audit.record(session, Event.MAIL_SERVER_SAVED, provider=server.provider)
    return server


def erases_grant(parts: Parts, saved: MailServer, draft: Draft) -> frozenset[str]:
    """The changes in this draft for which a grant is erased when it is saved; empty if it stays.

    Access tokens go where the mail goes. Who changes that has to type the client secret again; an
    application without one has nothing to show, so its grant is erased then.
    """
    secrets = {name: value for name, value in draft.secrets.items() if value and _differs(parts, saved, name, value)}
    changed = grants.changed_settings(saved, draft.values, draft.extra, secrets)
    if not set(grants.SECRETS) & set(saved.secrets):
        moved = (*DESTINATION, *PROXY_DESTINATION)
        changed |= {name for name in moved if getattr(saved, name) != draft.values.get(name, "")}
    return changed


def registration(server: MailServer, parts: Parts) -> Registration:
    """What Mailroom is at the saved server's provider. Raises Unusable."""
    return token_source(server, parts).registration


def token_source(server: MailServer, parts: Parts) -> TokenSource:
    """Where the saved server's access tokens come from. Raises Unusable."""
    try:
        source = _token_source(parts, _values(server), _open_secrets(parts.sealer, server), server.id)
    except SealBroken:
        raise Unusable(error=words.SEAL_BROKEN) from None
    except UnknownProvider:
        raise Unusable(error=words.NO_PLUGIN) from None
    if source is None:
        raise Unusable(error=words.NO_OAUTH2)
    return source


def opened(server: MailServer, parts: Parts, general: General) -> OpenedServer:
    """The saved server with its secrets open. Raises UnknownProvider or SealBroken."""
    return _opened(parts, general, _values(server), server.extra, _open_secrets(parts.sealer, server), server.id)


def opened_draft(draft: Draft, saved: MailServer | None, parts: Parts, general: General) -> OpenedServer:
    """An unsaved server, as a test uses it: a blank secret is the saved one, and so is the grant while it holds.

    Raises SealBroken.
    """
    names = secret_names(parts, draft)
    kept = _open_secrets(parts.sealer, saved, only=names) if saved else {}
    typed = {name: value for name, value in draft.secrets.items() if value and name in names}
    holds = saved is not None and not erases_grant(parts, saved, draft)
    grant_of = saved.id if saved is not None and holds else None
    return _opened(parts, general, draft.values, draft.extra, {**kept, **typed}, grant_of)


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


def locked(session: Session) -> MailServer | None:
    """The primary, which nobody else changes until the end of the transaction."""
    found = select(MailServer).where(MailServer.position == PRIMARY).with_for_update()
    return session.scalars(found).one_or_none()


def _filled(server: MailServer, parts: Parts, draft: Draft, by: str) -> MailServer:
    server.secrets = _sealed(parts, server, draft)
    for name, value in (dict.fromkeys(OF_OAUTH2, "") | dict(draft.values)).items():
        setattr(server, name, value)
    server.extra = dict(draft.extra)
    server.updated_at = clock.now()
    server.updated_by = by
    return server


def _values(server: MailServer) -> Mapping[str, object]:
    return {column.key: getattr(server, column.key) for column in MailServer.__table__.columns}


def _method(parts: Parts, values: Mapping[str, object]) -> Authentication | None:
    return parts.providers[str(values["provider"])].authentication_named(str(values["authentication"]))


def _differs(parts: Parts, saved: MailServer, name: str, value: str) -> bool:
    try:
        return name not in saved.secrets or parts.sealer.open(saved.secrets[name]["sealed"], _purpose(name)) != value
    except SealBroken:
        return True


def _proxy(values: Mapping[str, object], secrets: Mapping[str, str]) -> Proxy | None:
    if values["proxy_type"] == "none":
        return None
    return Proxy(
        type=str(values["proxy_type"]),
        host=str(values["proxy_host"]),
        port=int(str(values["proxy_port"])),
        username=str(values["proxy_username"]),
        password=secrets.get(PROXY_PASSWORD, ""),
    )


def _token_source(
    parts: Parts, values: Mapping[str, object], secrets: Mapping[str, str], server_id: int | None
) -> TokenSource | None:
    method = _method(parts, values)
    if not isinstance(method, OAuth2):
        return None
    own = {name: str(values.get(name) or "") for name in OF_OAUTH2}
    registration = Registration(
        method=method,
        username=str(values["username"]),
        client_id=own["client_id"] if "client_id" in method.uses else "",
        client_secret=secrets.get("client_secret", ""),
        service_account_key=secrets.get("service_account_key", ""),
        tenant_id=own["tenant_id"],
        addresses=own,
        own_scopes=own["scopes"].split(),
        proxy=_proxy(values, secrets),
    )
    return TokenSource(parts, registration, server_id)


def _opened(
    parts: Parts,
    general: General,
    values: Mapping[str, object],
    extra: Mapping[str, str],
    secrets: Mapping[str, str],
    grant_of: int | None,
) -> OpenedServer:
    # The mail server never sees those that gain tokens, nor that of the proxy.
    not_for_the_server = {PROXY_PASSWORD, *grants.SECRETS}
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
        proxy=_proxy(values, secrets),
        tokens=_token_source(parts, values, secrets, grant_of),
        secrets={name: value for name, value in secrets.items() if name not in not_for_the_server},
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
