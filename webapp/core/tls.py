"""TLS to another server: always verified, by this machine's authorities and by what is trusted for that server only."""

import ssl
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from socket import socket

from cryptography import x509
from OpenSSL import SSL

from webapp.core import certificates, clock
from webapp.core.deadlines import Deadline
from webapp.core.hosts import parse_ip_address
from webapp.core.network_errors import NetworkError

# In bytes: read and written at once.
MAX_RECORDS = 65536


class CertificateChanged(NetworkError):
    """The server presented another certificate than the one that is pinned."""


@dataclass(frozen=True)
class Trust:
    """What holds for one server besides this machine's trusted authorities; each is PEM, or empty.

    `authorities` are trusted as well. If a certificate is `pinned`, the server has to present exactly that one, while
    it is valid; its issuer and its names don't matter. `client_certificate`, with its key, is shown to the server.
    """

    authorities: str = ""
    pinned: str = ""
    client_certificate: str = field(default="", repr=False)


NOTHING_ELSE = Trust()


@dataclass(frozen=True)
class PresentedChain:
    """The certificates that a server presents, its own first, and the `known` ones that this machine adds to them."""

    certificates: tuple[x509.Certificate, ...] = ()
    known: tuple[x509.Certificate, ...] = ()

    @property
    def host_names(self) -> str:
        """The hosts that the server's certificate is for, in a line."""
        return certificates.join_names(certificates.host_names(self.certificates[0])) if self.certificates else ""


def encrypt(
    sock: socket, host: str, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, trust: Trust | None = None
) -> ssl.SSLSocket:
    """Encrypt a connection to a host whose certificate is verified. Raises OSError; then the connection is closed.

    Where something may be trusted, certificates are checked by RFC 5280 to the letter, on every Python as on 3.13.
    Elsewhere nobody could help it if one fails, so it is as Python does it.
    """
    context = _context(trust) if trust else ssl.create_default_context()
    context.minimum_version = minimum
    encrypted = context.wrap_socket(sock, server_hostname=host)
    try:
        if trust and trust.pinned:
            _check_pinned(encrypted, trust.pinned)
    except BaseException:
        encrypted.close()
        raise
    return encrypted


def certificate_of(connection: ssl.SSLSocket) -> x509.Certificate | None:
    """Return the certificate of the other end."""
    data = connection.getpeercert(binary_form=True)
    # OpenSSL may accept what this library doesn't read.
    with suppress(*certificates.MALFORMED):
        return certificates.with_names(x509.load_der_x509_certificate(data)) if data else None
    return None


def presented_chain(sock: socket, host: str, seconds: float) -> PresentedChain:
    """Return the certificates that a server presents, whether or not they can be trusted; none if it presents none.

    Nothing may be sent over this connection. Python before 3.13 shows only what it has verified, so pyOpenSSL does it.
    Takes at most this many seconds. Raises OSError.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_default_verify_paths()
    # To see what this machine adds to the chain, whatever is wrong with it.
    context.set_verify(SSL.VERIFY_PEER, lambda *_given: True)
    connection = SSL.Connection(context)
    if parse_ip_address(host) is None:
        connection.set_tlsext_host_name(host.encode())
    connection.set_connect_state()
    _shake_hands(connection, sock, seconds)
    try:
        presented = list(map(certificates.with_names, connection.get_peer_cert_chain(as_cryptography=True) or []))
        completed = connection.get_verified_chain(as_cryptography=True) or []
    except certificates.MALFORMED:
        # Malformed ones can't be shown.
        return PresentedChain()
    return PresentedChain(tuple(presented), tuple(one for one in completed if one not in presented))


def _shake_hands(connection: SSL.Connection, sock: socket, seconds: float) -> None:
    """Take the handshake to its end, or to where the server ends it; the certificates are there in both cases."""
    deadline, ended = Deadline(seconds), False
    while not ended:
        try:
            connection.do_handshake()
            ended = True
        except SSL.WantReadError:
            # It goes on with what the server sends next.
            pass
        except SSL.Error:
            ended = True
        sock.settimeout(deadline.left())
        with suppress(SSL.WantReadError):
            sock.sendall(connection.bio_read(MAX_RECORDS))
        if not ended and (received := sock.recv(MAX_RECORDS)):
            connection.bio_write(received)
        else:
            ended = True


def _context(trust: Trust) -> ssl.SSLContext:
    if trust.pinned:
        # What the server presents is compared instead.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context = ssl.create_default_context()
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if trust.authorities and not trust.pinned:
        context.load_verify_locations(cadata=trust.authorities)
        # An administrator has trusted it as it is: homemade ones often lack what only strict checks require.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if trust.client_certificate:
        _load_client_certificate(context, trust.client_certificate)
    return context


def _load_client_certificate(context: ssl.SSLContext, pem: str) -> None:
    """Load a certificate with its key. Python takes only files: this one is ours alone and gone at once."""
    with tempfile.NamedTemporaryFile("w", prefix="mailroom-") as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)


def _check_pinned(connection: ssl.SSLSocket, pem: str) -> None:
    """Check that the server has presented exactly the pinned certificate, and that it is valid now."""
    pinned, presented = certificates.parse(pem)[0], certificate_of(connection)
    if presented != pinned:
        shown = certificates.fingerprint(presented) if presented else ""
        fingerprints = {"pinned": certificates.fingerprint(pinned), "presented": shown}
        raise CertificateChanged("certificate_changed", **fingerprints)
    now = clock.now()
    if now < pinned.not_valid_before_utc:
        raise NetworkError("certificate_not_yet_valid", error="the pinned certificate is not yet valid")
    if now >= pinned.not_valid_after_utc:
        raise NetworkError("certificate_expired", error="the pinned certificate has expired")
