"""Certificates (X.509): read from PEM, and what of them is shown to people."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization

from webapp.core import clock

# A certificate may be for hundreds of hosts, and a name may have any length.
MAX_NAMES = 10
MAX_NAME_LENGTH = 200
MAX_PEM_LENGTH = 50_000
# Of a certificate that OpenSSL accepts in a handshake.
MALFORMED = (ValueError, x509.InvalidVersion)
# Of an extension that OpenSSL accepts or doesn't look at, or that isn't there.
_UNREADABLE = (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True)
class CertificateFacts:
    """What is shown of a certificate. `names` are the hosts that it is for, `fingerprint` its SHA-256.

    `is_current` says whether it is valid now.
    """

    subject: str
    issuer: str
    names: Sequence[str]
    since: datetime
    expires_at: datetime
    fingerprint: str
    is_authority: bool
    is_self_issued: bool
    is_current: bool

    @classmethod
    def of(cls, certificate: x509.Certificate) -> "CertificateFacts":
        """Return what is shown of this certificate."""
        return cls(
            _name(certificate.subject),
            _name(certificate.issuer),
            host_names(certificate),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            fingerprint(certificate),
            is_authority(certificate),
            certificate.subject == certificate.issuer,
            certificate.not_valid_before_utc <= clock.now() < certificate.not_valid_after_utc,
        )

    @property
    def line(self) -> str:
        """Its hosts, its issuer and its days in a line, in no language."""
        hosts, issuer = join_names(self.names) or self.subject, self.subject if self.is_self_issued else self.issuer
        return f"{hosts} ({issuer}), {self.since:%Y-%m-%d} – {self.expires_at:%Y-%m-%d}"


def parse(pem: str) -> list[x509.Certificate]:
    """Return the certificates in a PEM text. Raises ValueError if there are none, or one can't be read."""
    try:
        return [with_names(one) for one in x509.load_pem_x509_certificates(pem.encode())]
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from error


def with_names(certificate: x509.Certificate) -> x509.Certificate:
    """Return the certificate if its names can be read, which loading it doesn't show. Raises ValueError."""
    _ = certificate.subject, certificate.issuer
    return certificate


def to_pem(certificates: Iterable[x509.Certificate]) -> str:
    """Return certificates as PEM, without anything between them."""
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


def without(pem: str, fingerprints: Collection[str]) -> str:
    """Return a PEM text without the certificates that have these fingerprints; as it is if it can't be read."""
    if not fingerprints:
        return pem
    try:
        return to_pem(one for one in parse(pem) if fingerprint(one) not in fingerprints)
    except ValueError:
        return pem


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate as browsers and OpenSSL show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def host_names(certificate: x509.Certificate) -> list[str]:
    """Return the host names and IP addresses that a certificate is for, the printable ones."""
    with suppress(*_UNREADABLE):
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [one.value for one in found if isinstance(one, x509.DNSName | x509.IPAddress)]
        return [_shown(str(name)) for name in names if isinstance(name, str | IPv4Address | IPv6Address)]
    return []


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether a certificate may issue others."""
    with suppress(*_UNREADABLE):
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    # Authorities of the first version of X.509 have no extensions.
    return certificate.version is x509.Version.v1 and certificate.subject == certificate.issuer


def join_names(names: Sequence[str]) -> str:
    """Return the first of these names, with commas between them."""
    shown = ", ".join(names[:MAX_NAMES])
    return f"{shown}, …" if len(names) > MAX_NAMES else shown


def client_problem(pem: str, now: datetime) -> str:
    """Return what keeps a PEM text from being a certificate with its key, as a code; empty if nothing does."""
    try:
        certificate = parse(pem)[0]
    except ValueError:
        return "no_certificate"
    try:
        if serialization.load_pem_private_key(pem.encode(), None).public_key() != certificate.public_key():
            return "other_key"
    except TypeError:
        return "key_encrypted"
    except (ValueError, UnsupportedAlgorithm):
        return "no_key"
    if now < certificate.not_valid_before_utc:
        return "not_yet_valid"
    return "expired" if now >= certificate.not_valid_after_utc else ""


def _name(name: x509.Name) -> str:
    """Return the common name, or else the whole name as in RFC 4514."""
    common = [str(one.value) for one in name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    organization = [str(one.value) for one in name.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)]
    if common and organization and organization[0] not in common[0]:
        return _shown(f"{common[0]} ({organization[0]})")
    return _shown(common[0] if common else name.rfc4514_string())


def _shown(text: str) -> str:
    printable = "".join(character if character.isprintable() else "�" for character in text)
    return printable[:MAX_NAME_LENGTH]
