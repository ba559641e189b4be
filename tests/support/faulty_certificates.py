"""A server's certificate with one fault, or that of its authority, as files."""

import base64
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID

from webapp.core import clock

Name = str | None
_PURPOSES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
SAN = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
NO_SAN = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3000"))
# With a kind of name that the library doesn't know (x400Address).
X400_NAME = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"0\x0f\x82\x09localhost\xa3\x02\x05\x00")
# Of a certificate that may issue none, with a length of the path to those that it issues.
PATH_WITHOUT_CA = x509.UnrecognizedExtension(ExtensionOID.BASIC_CONSTRAINTS, bytes.fromhex("3003020101"))


def usage(*names: str) -> x509.KeyUsage:
    """Return a key usage with these purposes."""
    return x509.KeyUsage(**{name: name in names for name in _PURPOSES})


@dataclass(frozen=True)
class Fault:
    """What differs from certificates without a fault: the authority's and the server's own.

    Extensions are given by name, each with whether it is critical; None leaves one out.
    """

    ca: Mapping[str, Any]
    own: Mapping[str, Any]
    ca_name: str = "Company CA"
    own_name: str = "localhost"
    since: timedelta = timedelta(days=-1)
    until: timedelta = timedelta(days=90)
    sends_authority: bool = False
    by_openssl: str = ""
    # `version`: it has extensions and says that it is of version 1. `no_version`: of one that there isn't.
    # `algorithm`: it names two signature algorithms. `name`: its own name is in an encoding of old, with an umlaut.
    forged: str = ""


def fault(ca: Mapping[str, Any] | None = None, own: Mapping[str, Any] | None = None, **more: Any) -> Fault:
    """Return a fault: of the authority's certificate, of the server's own, or of both."""
    return Fault(ca or {}, own or {}, **more)


class Company:
    """A company with an authority and a mail server at localhost; ca.pem and server.pem are in its folder."""

    def __init__(self, folder: Path, fault: Fault) -> None:
        self.ca_file, self.server_file = folder / "ca.pem", folder / "server.pem"
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ski = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        ca_extensions = {
            "constraints": (x509.BasicConstraints(True, None), True),
            "usage": (usage("key_cert_sign", "crl_sign"), True),
            "ski": (ski, False),
            **fault.ca,
        }
        own_extensions = {"names": (SAN, False), "aki": (aki, False), **fault.own}
        life = clock.now() - timedelta(days=2), clock.now() + timedelta(days=3650)
        ca = _certificate(fault.ca_name, fault.ca_name, ca_key.public_key(), life, ca_extensions).sign(
            ca_key, hashes.SHA256()
        )
        life = clock.now() + fault.since, clock.now() + fault.until
        self.own = _certificate(fault.own_name, fault.ca_name, key.public_key(), life, own_extensions).sign(
            ca_key, hashes.SHA256()
        )
        self.key = key
        self.ca_file.write_bytes(_pem(ca))
        own = _forged(self.own, ca_key, fault.forged) if fault.forged else _pem(self.own)
        self.server_file.write_bytes(key_to_pem(key) + own + (_pem(ca) if fault.sends_authority else b""))
        if fault.by_openssl:
            (folder / "ca.key").write_bytes(key_to_pem(ca_key))
            subprocess.run(["sh", "-ec", fault.by_openssl], cwd=folder, check=True, capture_output=True)

    def context(self, maximum: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
        """Return the TLS context of the server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = maximum
        context.load_cert_chain(self.server_file)
        return context


def _certificate(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey, life: Any, extensions: Mapping[str, Any]
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(_name(issuer), _name(subject), key, x509.random_serial_number(), *life)
    for extension, critical in filter(None, extensions.values()):
        builder = builder.add_extension(extension, critical)
    return builder


def _forged(certificate: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, fault: str) -> bytes:
    """Return a certificate as no library writes it, as PEM."""
    signed, algorithm, digest = certificate.tbs_certificate_bytes, _SHA256, hashes.SHA256()
    if fault in _CHANGED:
        signed = signed.replace(*_CHANGED[fault], 1)
        signature = ca_key.sign(signed, ec.ECDSA(digest))
    else:
        algorithm, signature = _SHA384, ca_key.sign(signed, ec.ECDSA(hashes.SHA384()))
    text = base64.encodebytes(_der(0x30, signed + algorithm + _der(3, b"\0" + signature)))
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


_CHANGED = {
    "version": (bytes.fromhex("a003020102"), bytes.fromhex("a003020100")),
    "no_version": (bytes.fromhex("a003020102"), bytes.fromhex("a00302017f")),
    "name": (_der(0x0C, b"localhost"), _der(0x14, b"localh\xf6st")),
}
# ecdsa-with-SHA256 and ecdsa-with-SHA384.
_SHA256, _SHA384 = (_der(0x30, bytes.fromhex(f"06082a8648ce3d04030{last}")) for last in (2, 3))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


_OPEN = serialization.NoEncryption()


def key_to_pem(key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption = _OPEN) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
