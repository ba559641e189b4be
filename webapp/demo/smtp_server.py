"""The demo's mail server: accepts every email of clients that sign in, and stores it.

Run as a program: `python -m webapp.demo.smtp_server --port 8025`.
"""

import argparse
import asyncio
import hmac
import logging
import os
import signal
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from webapp.core import logs
from webapp.core.config import Config
from webapp.demo import inbox
from webapp.demo.inbox import Inbox
from webapp.process.supervisor import exit_with_supervisor

LOGIN_REJECTED = "535 5.7.8 The user name or the password is wrong"


class StoreHandler:
    """Receives each email from aiosmtpd."""

    def __init__(self, to: Inbox) -> None:
        self._inbox = to

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Store the email."""
        content = envelope.original_content or b""
        await asyncio.to_thread(self._inbox.add, content, envelope.rcpt_tos)
        return "250 2.0.0 Stored for the inbox page"


class Authenticator:
    """Accepts one user name with one password."""

    def __init__(self, username: str, password: str) -> None:
        self._right = LoginPassword(username.encode(), password.encode())

    def __call__(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        """Compare user name and password."""
        right = hmac.compare_digest(given.login, self._right.login) & hmac.compare_digest(
            given.password, self._right.password
        )
        return AuthResult(success=bool(right), handled=False, message=None if right else LOGIN_REJECTED)


def serve(config: Config, port: int) -> None:
    """Accept emails on loopback until SIGTERM or SIGINT."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    asyncio.run(_serve(StoreHandler(Inbox.for_instance(config)), Authenticator(inbox.USERNAME, inbox.PASSWORD), port))


async def _serve(keep: StoreHandler, account: Authenticator, port: int) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def connected() -> SMTP:
        with warnings.catch_warnings():
            # aiosmtpd warns about passwords without TLS, which are safe on loopback.
            warnings.simplefilter("ignore")
            return SMTP(
                keep,
                hostname="inbox.mailroom.example",
                enable_SMTPUTF8=True,
                auth_required=True,
                auth_require_tls=False,
                authenticator=account,
                loop=loop,
            )

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with await loop.create_server(connected, inbox.HOST, port):
        await stop.wait()


def main() -> None:
    """Serve on the port given on the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    os.umask(0o077)
    exit_with_supervisor()
    config = Config.from_environment()
    logs.configure(config)
    serve(config, port)


if __name__ == "__main__":
    main()
