"""Look at the certificates of a mail server that aren't accepted, and find what would make them accepted."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from cryptography import x509

from webapp.core import certificates, network_errors
from webapp.core.certificates import CertificateFacts
from webapp.core.deadlines import Deadline, start
from webapp.core.hosts import parse_ip_address
from webapp.core.tls import PresentedChain, Trust
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Failure

# Seconds for looking, and for trying what is offered.
LOOK, TRIAL = 5.0, 6.0
# Of a certificate for many hosts.
MAX_HOSTS = 3


class OfferKind(StrEnum):
    """What would be changed: the host, to one that the certificate is for, or what is trusted.

    The latter is nothing besides this machine's authorities, one more authority, or exactly one certificate.
    """

    HOST = "host"
    MACHINE = "machine"
    AUTHORITY = "authority"
    CERTIFICATE = "certificate"


@dataclass(frozen=True)
class Offer:
    """What would be changed, as form values, and the certificate that this is about, if it is about one."""

    kind: OfferKind
    values: Mapping[str, str]
    certificate: CertificateFacts | None = None


@dataclass(frozen=True)
class Presented:
    """The certificates that a server presented, its own first, and the `known` ones that this machine adds to them.

    `missing` is the issuer of the last one, if neither side has its certificate. `offers` were seen to work.
    """

    certificates: Sequence[CertificateFacts]
    known: Sequence[CertificateFacts]
    missing: str
    offers: Sequence[Offer]

    def to_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "presented": [_to_data(one) for one in self.certificates],
            "missing": self.missing or None,
            "offers": [{"kind": one.kind, "fix": dict(one.values)} for one in self.offers],
        }


def look(settings: TransportSettings, failure: Failure, deadline: Deadline) -> Presented | None:
    """Return what a server presents whose certificate isn't accepted, and what would have it accepted.

    None if the failure is another one, or there is nothing to see. No credentials are sent.
    """
    if failure.code not in network_errors.CERTIFICATES:
        return None
    bare = settings.without_credentials
    chain = PresentedChain()
    with suppress(DeliveryError):
        chain = SmtpConnection(bare, deadline.part(LOOK)).presented_chain()
    if not chain.certificates:
        return None
    path = _path(chain)
    return Presented(
        [CertificateFacts.of(one) for one in chain.certificates],
        [CertificateFacts.of(one) for one in chain.known],
        "" if path[-1].subject == path[-1].issuer else CertificateFacts.of(path[-1]).issuer,
        _working(bare, [*_hosts(bare, failure, path[0]), *_candidates(bare.trust, path)], deadline.part(TRIAL)),
    )


def _path(chain: PresentedChain) -> list[x509.Certificate]:
    """Return the server's certificate and its issuers, as far as they are known. Servers may send them in any order."""
    path, others = [chain.certificates[0]], [*chain.certificates[1:], *chain.known]
    while issuer := next((one for one in others if one.subject == path[-1].issuer and one not in path), None):
        path.append(issuer)
    return path


def _hosts(bare: TransportSettings, failure: Failure, own: x509.Certificate) -> Iterator[Offer]:
    """Return the hosts that a certificate is for, if it is for others than the one that was entered."""
    if failure.code not in network_errors.OTHER_HOST:
        return
    names = [name for name in certificates.host_names(own) if "*" not in name and parse_ip_address(name) is None]
    for name in names[:MAX_HOSTS]:
        yield Offer(OfferKind.HOST, {"host": name})


def _candidates(trust: Trust, path: Sequence[x509.Certificate]) -> Iterator[Offer]:
    """Return what could be trusted besides what is trusted already, the least first."""
    own, last = path[0], path[-1]
    if trust.pinned:
        yield Offer(OfferKind.MACHINE, {"pinned_certificate": ""})
    if last is not own and certificates.is_authority(last):
        trusted = certificates.parse(trust.authorities) if trust.authorities else []
        more = certificates.to_pem(trusted if last in trusted else [*trusted, last])
        values = {**({"pinned_certificate": ""} if trust.pinned else {}), "trusted_certificates": more}
        yield Offer(OfferKind.AUTHORITY, values, CertificateFacts.of(last))
    yield Offer(OfferKind.CERTIFICATE, {"pinned_certificate": certificates.to_pem([own])}, CertificateFacts.of(own))


def _working(bare: TransportSettings, offers: Sequence[Offer], deadline: Deadline) -> Sequence[Offer]:
    """Return those offers with which the server is accepted, tried side by side."""
    trials = [start(partial(_works, bare, offer, deadline)) for offer in offers]
    wait(trials, TRIAL + 0.5)
    working = [offer for offer, trial in zip(offers, trials, strict=True) if trial.done() and trial.result()]
    # Where another host or this machine's own authorities are enough, nothing needs to be trusted.
    enough = [offer for offer in working if offer.kind in (OfferKind.HOST, OfferKind.MACHINE)]
    return enough[:1] or working


def _works(bare: TransportSettings, offer: Offer, deadline: Deadline) -> bool:
    try:
        with SmtpConnection(bare.with_values(offer.values), deadline):
            return True
    except DeliveryError:
        return False


def _to_data(one: CertificateFacts) -> dict[str, Any]:
    return {
        "subject": one.subject,
        "issuer": one.issuer,
        "names": list(one.names),
        "since": one.since.isoformat(),
        "expires_at": one.expires_at.isoformat(),
        "sha256": one.fingerprint,
    }
