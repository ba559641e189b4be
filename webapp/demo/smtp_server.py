"""The demo's mail server: takes every mail from whoever signs in, and keeps it."""

import asyncio
import hmac
import logging
import signal
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from webapp.core.config import Config
from webapp.demo import inbox
from webapp.demo.inbox import Inbox

REFUSED = "535 5.7.8 The user name or the password is wrong"


class StoreHandler:
    """What aiosmtpd hands each mail to."""

    def __init__(self, to: Inbox) -> None:
        self._inbox = to

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        """Keep the mail."""
        content = envelope.original_content or b""
        await asyncio.to_thread(self._inbox.add, content)
        return "250 2.0.0 Kept for the inbox page"


class Authenticator:
    """Lets one user name in, with one password."""

    def __init__(self, username: str, password: str) -> None:
        self._right = LoginPassword(username.encode(), password.encode())

    def __call__(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        """Whether this is the account."""
        right = hmac.compare_digest(given.login, self._right.login) & hmac.compare_digest(
            given.password, self._right.password
        )
        return AuthResult(success=bool(right), handled=False, message=None if right else REFUSED)


def serve(config: Config, port: int) -> None:
    """Take mail on loopback until SIGTERM."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    asyncio.run(_serve(StoreHandler(Inbox.of(config)), Authenticator(inbox.USERNAME, inbox.PASSWORD), port))


async def _serve(keep: StoreHandler, account: Authenticator, port: int) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def connected() -> SMTP:
        with warnings.catch_warnings():
            # It warns of passwords without TLS; on loopback nobody listens in.
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
