"""The server's certificate, read again when its files change."""

import ssl
from pathlib import Path

import structlog

from webapp.core.config import PREFIX, ConfigError

log = structlog.get_logger(__name__)


class Certificate:
    """A certificate and its key in two files, or in one. `context` stays the same object for as long as this lives."""

    def __init__(self, certificate: Path, key: Path | None) -> None:
        """Read the files. Raises ConfigError."""
        self._files = (certificate, key or certificate)
        self._seen = self._state()
        try:
            self.context = self._loaded()
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{PREFIX}SUBMISSION_CERTIFICATE, {PREFIX}SUBMISSION_KEY: {certificate} can't be used ({error})."
                " Give PEM files: the certificate with its chain, and its key without a passphrase."
            ) from error

    def refresh(self) -> None:
        """Use the files as they are now for new connections; if they don't fit together, go on with the former ones."""
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            # Loaded elsewhere first: half a change must not remain in the context that is in use.
            self._loaded()
            self.context.load_cert_chain(*self._files, password=_no_passphrase)
        except (OSError, ValueError) as error:
            log.error("certificate can't be used; the former one stays", error=type(error).__name__)
        else:
            log.info("certificate read again")

    def _state(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(_identity(path) for path in self._files)

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files, password=_no_passphrase)
        return context


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _no_passphrase() -> str:
    # Otherwise OpenSSL would ask for it at the terminal.
    raise ValueError("the key has a passphrase")
