"""Certificates for the tests' servers, issued by an authority that the test run trusts."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from unittest import mock

import trustme


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
