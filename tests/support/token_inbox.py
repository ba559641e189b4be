"""A mail server that accepts access tokens, and asks the authorization server whether they are valid."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, Session

from tests.support.authorization import AuthorizationServer
from tests.support.certificates import Authority
from tests.support.inbox import Handler, Inbox, Security

REASON = b'{"status":"401","schemes":"bearer","scope":"mail.send"}'
SEPARATOR = "\x01"


class TokenInbox(Inbox):
    """The server. `mechanisms` are the SASL mechanisms it offers."""

    def __init__(
        self,
        authority: Authority,
        provider: AuthorizationServer,
        security: Security,
        mechanisms: tuple[str, ...],
        names: tuple[str, ...] = (),
    ) -> None:
        self.provider, self.mechanisms = provider, mechanisms
        # The clients' initial responses, decoded, and their answers to the challenge of a refusal.
        self.responses: list[str] = []
        self.answers: list[bytes] = []
        # The tokens received, and how many were refused.
        self.shown: list[str] = []
        self.refused = 0
        super().__init__(authority.server(*names), security)

    def _connection(self) -> SMTP:
        others = {"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"} - set(self.mechanisms)
        return SMTP(
            _TokenHandler(self),
            hostname="inbox.example",
            tls_context=self._tls if self.security == "starttls" else None,
            require_starttls=self.security == "starttls",
            auth_require_tls=self.security == "starttls",
            auth_exclude_mechanism=others,
            loop=self._loop,
        )


class _TokenHandler(Handler):
    """Called by aiosmtpd."""

    inbox: TokenInbox

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        user, bearer, *_rest = await self._response(server, args)
        return await self._checked(server, user.removeprefix("user="), bearer)

    async def auth_OAUTHBEARER(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        header, *pairs = await self._response(server, args)
        user = header.split(",")[1].removeprefix("a=").replace("=2C", ",").replace("=3D", "=")
        bearer = next(pair for pair in pairs if pair.startswith("auth="))
        return await self._checked(server, user, bearer)

    async def _response(self, server: SMTP, args: list[str]) -> list[str]:
        blob = base64.b64decode(args[1]) if args[1:] else await server.challenge_auth("")
        assert isinstance(blob, bytes)
        self.inbox.responses.append(blob.decode())
        return blob.decode().split(SEPARATOR)

    async def _checked(self, server: SMTP, user: str, bearer: str) -> AuthResult:
        token = bearer.removeprefix("auth=Bearer ")
        self.inbox.shown.append(token)
        if self.inbox.provider.knows(token) == user:
            return AuthResult(success=True, handled=False, auth_data=user)
        self.inbox.refused += 1
        answer = await server.challenge_auth(REASON)
        self.inbox.answers.append(answer if isinstance(answer, bytes) else repr(answer is MISSING).encode())
        return AuthResult(success=False, handled=False)

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse once the token that opened the connection has expired."""
        if not session.authenticated or self.inbox.provider.knows(self.inbox.shown[-1]) is None:
            self.inbox.refused += 1
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"


@contextmanager
def running_token_inbox(
    authority: Authority,
    provider: AuthorizationServer,
    security: Security = "starttls",
    mechanisms: tuple[str, ...] = ("XOAUTH2", "OAUTHBEARER"),
    names: tuple[str, ...] = (),
) -> Iterator[TokenInbox]:
    """Run a server until the end of the block. `names` are those in its certificate."""
    inbox = TokenInbox(authority, provider, security, mechanisms, names)
    try:
        yield inbox
    finally:
        inbox.close()
