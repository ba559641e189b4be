"""Which other settings may work where the current ones don't: form values, the most likely first."""

from collections.abc import Sequence
from email.utils import parseaddr

from webapp.core import network_errors
from webapp.core.address_families import IPV4, IPV6, Route
from webapp.mail.doctor.examination import Candidate
from webapp.mail.replies.reading import read
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Cause, Failure

CONNECTION = frozenset({"host", "port", "security", "tls_minimum", "address_family"})
ENCRYPTED = ("starttls", "tls")
# Where mail servers take email from programs: RFC 6409, RFC 8314, and the ports that hosting companies don't block.
USUAL = (
    ("starttls", "587"), ("tls", "465"), ("starttls", "2525"),
    ("starttls", "25"), ("tls", "2465"), ("starttls", "2587"),
)  # fmt: skip
# Further attempts to sign in: more would lock accounts.
MAX_SIGN_INS = 2
# For passwords, in the order of preference.
PASSWORD_MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")
_STAGES = (Stage.CONNECT, Stage.TLS, Stage.GREETING, Stage.EHLO)
_ABOUT_THE_MACHINE = (Cause.IP_NOT_ALLOWED, Cause.IP_BLOCKLISTED, Cause.HOSTNAME_REFUSED)
_ABOUT_THE_CREDENTIALS = (Cause.CREDENTIALS, Cause.TOKEN_REJECTED, Cause.AUTH_MECHANISM)
# Codes of failures at these stages that another port or security wouldn't fix.
_OTHER_CAUSES = ("tls_version", "plain_text_after_starttls", "stopped", "port_not_allowed", "private_host")


def changes(settings: TransportSettings, values: Candidate) -> Candidate:
    """Return those of the values that differ from the present ones."""
    present = settings.public_values
    return {name: value for name, value in values.items() if value != present.get(name)}


def may_be_the_port(failure: Failure) -> bool:
    """Return whether another port or security may fix this failure."""
    if failure.code == "authentication_not_offered":
        return True
    known = failure.code in _OTHER_CAUSES or failure.code in network_errors.CERTIFICATES
    return failure.stage in _STAGES and not failure.reply and not known


def connections(
    settings: TransportSettings, suggested: Candidate, failure: Failure, routes: Sequence[Route]
) -> Sequence[Candidate]:
    """Return the encrypted connections to try. `suggested` are the form values that the diagnosis names.

    The other security on the same port comes first, unless nothing could be connected to there.
    """
    own = settings.provider.connection
    is_own = settings.provider.host(own.host, settings.fields) == settings.host
    usual = [(own.security, str(own.port)), *USUAL] if is_own else USUAL
    values: list[Candidate] = [{"security": security} for security in ENCRYPTED if failure.stage != Stage.CONNECT]
    values += [{"address_family": family} for family in _other_families(routes)]
    values += [suggested, *({"security": security, "port": port} for security, port in usual)]
    return [
        one
        for one in _new(settings, values)
        if one.keys() & CONNECTION
        and one.get("security", settings.security) in ENCRYPTED
        and (failure.stage != Stage.CONNECT or one.keys() & {"host", "port"})
    ]


def other_family(failure: Failure, routes: Sequence[Route]) -> Sequence[Candidate]:
    """Return the other address family, if the server refuses the address of this machine."""
    if not failure.reply or read(failure.stage, failure.reply).cause not in _ABOUT_THE_MACHINE:
        return ()
    return [{"address_family": family} for family in _other_families(routes)]


def sign_ins(connection: SmtpConnection, failure: Failure) -> Sequence[Candidate]:
    """Return what else to sign in with at the same server, after it has refused the credentials.

    Nothing is tried without encryption.
    """
    settings, token = connection.settings, connection.token
    if failure.stage != Stage.AUTH or not failure.reply or settings.security not in ENCRYPTED:
        return ()
    if read(failure.stage, failure.reply).cause not in _ABOUT_THE_CREDENTIALS:
        return ()
    found: list[Candidate] = []
    if settings.tokens is not None:
        accounts = [
            token.account if token else "",
            failure.params.get("value", "") if failure.code == "token_wrong_mailbox" else "",
        ]
        found += [{"username": account} for account in accounts if account]
    elif settings.authentication == "password":
        others = [one for one in PASSWORD_MECHANISMS if one in connection.offered - {connection.used_mechanism}]
        found += [{"username": name} for name in _names(settings)] + [{"mechanism": name} for name in others[:1]]
    return _new(settings, found)[:MAX_SIGN_INS]


def _new(settings: TransportSettings, found: Sequence[Candidate]) -> list[Candidate]:
    """Return what each would change, as far as it would change anything that none before it does."""
    new = [changes(settings, one) for one in found]
    return [one for number, one in enumerate(new) if one and one not in new[:number]]


def _names(settings: TransportSettings) -> Sequence[str]:
    """Return the user name without its domain, or with that of the sender if it has none."""
    local, at, _domain = settings.username.rpartition("@")
    if at:
        return [local] if local else []
    sender = parseaddr(settings.mail_from)[1]
    domain = sender.rpartition("@")[2]
    return [f"{settings.username}@{domain}"] if domain and settings.username else []


def _other_families(routes: Sequence[Route]) -> Sequence[str]:
    """Return the address family that could be connected to as well, besides the one that is used."""
    connected = [route.family.casefold() for route in routes if route.error is None]
    return [family for family in connected[1:] if family in (IPV4, IPV6)]
