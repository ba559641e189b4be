"""Certificates for the tests' servers, issued by an authority that the test run trusts."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from unittest import mock

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webapp.core import clock


class Authority:
    """A certificate authority."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    @classmethod
    @contextmanager
    def believed(cls) -> Iterator["Authority"]:
        """Create an authority that OpenSSL trusts through SSL_CERT_FILE, here and in subprocesses."""
        authority = cls()
        with tempfile.TemporaryDirectory(prefix="mailroom-authority-") as folder:
            path = Path(folder) / "authority.pem"
            authority._ca.cert_pem.write_to_path(path)
            with mock.patch.dict(os.environ, {"SSL_CERT_FILE": str(path)}):
                yield authority

    def server(
        self,
        *names: str,
        minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        until: datetime | None = None,
    ) -> ssl.SSLContext:
        """Return the TLS context of a server with these names (by default localhost and 127.0.0.1)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = minimum
        self._ca.issue_cert(*(names or ("localhost", "127.0.0.1")), not_after=until).configure_cert(context)
        return context


class HomemadeAuthority:
    """A certificate authority as people make their own, in a folder, with one of the usual faults.

    Its files are ca.crt and ca.key; those of the server at localhost are server.crt and server.key. The `fault` is
    `authority` (its constraints are not critical), `certificate` (it doesn't name its issuer's key), `purpose` (the
    server's certificate is for clients) or empty.
    """

    def __init__(self, folder: Path, fault: str) -> None:
        self.folder = folder
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        critical = fault != "authority"
        ca = self._builder("Company CA", "Company CA", ca_key).add_extension(
            x509.BasicConstraints(True, None), critical
        )
        ca = ca.add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        if critical:
            ca = ca.add_extension(_MAY_SIGN, critical=True)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        leaf = self._builder("localhost", "Company CA", key).add_extension(names, critical=False)
        if fault != "certificate":
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
            leaf = leaf.add_extension(issuer, critical=False)
        if fault == "purpose":
            leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        self._write("ca", ca.sign(ca_key, hashes.SHA256()), ca_key)
        self._write("server", leaf.sign(ca_key, hashes.SHA256()), key)

    def server(self, certificate: str = "server.crt") -> ssl.SSLContext:
        """Return the TLS context of the server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / certificate, self.folder / "server.key")
        return context

    def _builder(self, subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = clock.now()
        return x509.CertificateBuilder(
            issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + timedelta(days=365),
        )

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (self.folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{name}.key").write_bytes(key.private_bytes(*form))


_MAY_SIGN = x509.KeyUsage(
    key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip
