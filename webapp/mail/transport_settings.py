"""From a mail server, saved or not, to what a connection to it needs."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parseaddr
from urllib.parse import urlsplit

import idna

from webapp.core.app_state import AppState
from webapp.core.deadlines import Deadline
from webapp.core.hosts import is_internet_name
from webapp.core.tls import Trust
from webapp.mail.grants import service as grants
from webapp.mail.grants import token_source
from webapp.mail.mime import ascii_domain
from webapp.mail.models import MailServer
from webapp.mail.servers import CLIENT_CERTIFICATE, CLIENT_SECRETS, PROXY_PASSWORD, EnteredServer, open_secrets
from webapp.mail.transport.settings import TransportSettings
from webapp.providers.registry import get_providers
from webapp.settings.service import General

# Top-level domains without hosts on the internet (RFC 6761; RFC 6762, G; ICANN's .internal; those of reverse look-ups).
LOCAL_DOMAINS = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "private"}
)
# Seconds to find out the name of this machine.
OWN_NAME = 2.0
# What the mail server itself never gets.
NOT_FOR_THE_SERVER = frozenset({PROXY_PASSWORD, CLIENT_CERTIFICATE, *CLIENT_SECRETS})


def load(server: MailServer, state: AppState, general: General) -> TransportSettings:
    """Return the settings of the saved server. Raises UnknownProvider or CannotUnseal."""
    entered = EnteredServer(get_providers()[server.provider], server.values, server.provider_fields, secrets={})
    return _settings(entered, open_secrets(state.sealer, server), state, general, server.id)


def from_entered(
    entered: EnteredServer, saved: MailServer | None, state: AppState, general: General
) -> TransportSettings:
    """Return the settings of a server that need not be saved, for a person who tests it. Raises CannotUnseal.

    Blank secrets are the saved ones; so is the grant, unless saving what was entered would discard it.
    """
    new_secrets = entered.new_secrets
    blank = entered.secret_names - new_secrets.keys()
    opened = open_secrets(state.sealer, saved, needed=blank) if saved else {}
    secrets = {name: value for name, value in opened.items() if name in blank} | new_secrets
    with state.database.read() as session:
        grant = grants.get(session, saved.id) if saved is not None else None
    keeps_grant = saved is not None and not grants.discarding_changes(saved, entered, opened, grant)
    grant_server_id = saved.id if saved is not None and keeps_grant else None
    return _settings(entered, secrets, state, general, grant_server_id, asked=True)


def ehlo_name(general: General, mail_from: str) -> str:
    """Return the name for EHLO: a host name of the internet, because some servers refuse any other one.

    It is the host of the public URL, else the full name of this machine, else the domain of the sender. Without any,
    it is empty: the client's address then stands for it.
    """
    for name in _candidates(general, mail_from):
        with suppress(idna.IDNAError):
            name = ascii_domain(name)
        if is_internet_name(name) and name.casefold().rpartition(".")[2] not in LOCAL_DOMAINS:
            return name
    return ""


def _candidates(general: General, mail_from: str) -> Iterator[str]:
    yield urlsplit(general.public_url).hostname or ""
    # This asks the name service, which may be slow: only if the public URL has no name.
    yield _own_name()
    yield parseaddr(mail_from)[1].rpartition("@")[2]


def _own_name() -> str:
    """Return the full name of this machine; empty if the name service doesn't reply."""
    try:
        return Deadline(OWN_NAME).run(socket.getfqdn)
    except TimeoutError:
        return ""


def _settings(
    entered: EnteredServer,
    secrets: Mapping[str, str],
    state: AppState,
    general: General,
    grant_server_id: int | None,
    asked: bool = False,
) -> TransportSettings:
    """Return the settings of an entered server with these secrets and the grant of the server with this id, if any."""
    values = entered.values
    mail_from = str(values["mail_from"])
    return TransportSettings(
        provider=entered.provider,
        mail_from=mail_from,
        host=entered.provider.host(str(values["host"]), entered.provider_fields),
        port=int(str(values["port"])),
        security=str(values["security"]),
        tls_minimum=str(values["tls_minimum"]),
        timeout=int(str(values["timeout"])),
        address_family=str(values["address_family"]),
        mechanism=str(values["mechanism"]),
        authentication=str(values["authentication"]),
        username=str(values["username"]),
        helo=ehlo_name(general, mail_from),
        proxy=token_source.proxy(values, secrets),
        tokens=token_source.from_values(state, entered.provider, values, secrets, grant_server_id, asked),
        secrets={name: value for name, value in secrets.items() if name not in NOT_FOR_THE_SERVER},
        fields=entered.provider_fields,
        trust=Trust(
            authorities=str(values.get("trusted_certificates") or ""),
            pinned=str(values.get("pinned_certificate") or ""),
            client_certificate=secrets.get(CLIENT_CERTIFICATE, ""),
        ),
    )
