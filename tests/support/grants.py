"""An administrator who sets a mail server up with OAuth2, below the pages."""

from dataclasses import dataclass
from typing import Any

from plugins import custom, google, office365
from tests.support.authorization import CLIENT_SECRET, AuthorizationServer
from tests.support.people import add_person
from webapp.accounts.models import Role, User
from webapp.accounts.sessions import service as sign_ins
from webapp.core.app_state import AppState
from webapp.mail import servers, service
from webapp.mail.grants import authorization as consent
from webapp.mail.grants import service as grants
from webapp.mail.grants import token_source
from webapp.mail.grants.token_source import GrantTokens
from webapp.mail.models import Grant, MailServer
from webapp.mail.servers import ServerDraft
from webapp.settings.service import General, general
from webapp.web.client import Client

BUILT_IN = [module.register_smtp_provider() for module in (custom, google, office365)]
PROVIDERS = {provider.key: provider for provider in BUILT_IN}
SENDER = "Mailroom <mailroom@mailroom.example>"


@dataclass
class GrantOwner:
    """The administrator, with a browser."""

    parts: AppState
    provider: AuthorizationServer
    sign_in_id: int

    @classmethod
    def of(cls, parts: AppState, provider: AuthorizationServer) -> "GrantOwner":
        """One who is signed in."""
        user_id = add_person(parts.database, "owner@mailroom.example", Role.ADMINISTRATOR)
        with parts.database.transaction() as session:
            owner = session.get_one(User, user_id)
            sign_in, _token = sign_ins.start(session, owner, Client("192.0.2.1", "Firefox"))
        return cls(parts, provider, sign_in.id)

    @property
    def general(self) -> General:
        """The general settings."""
        with self.parts.database.read() as session:
            return general(session, self.parts.config)

    @property
    def server(self) -> MailServer:
        """The saved mail server."""
        with self.parts.database.read() as session:
            found = servers.primary(session)
        assert found is not None
        return found

    @property
    def grant(self) -> Grant:
        """Its grant."""
        with self.parts.database.read() as session:
            found = grants.get(session, self.server.id)
        assert found is not None
        return found

    @property
    def tokens(self) -> GrantTokens:
        """Where its access tokens come from."""
        return token_source.for_server(self.server, self.parts)

    def draft(self, **given: Any) -> ServerDraft:
        """What the form would say: a server of one's own, with the provider of the tests."""
        secrets = {"client_secret": CLIENT_SECRET} | given.pop("secrets", {})
        values = {"provider": "custom", "mail_from": SENDER, "host": "localhost", "port": 9, "security": "none"}
        values |= {"tls_minimum": "1.2", "timeout": 10, "proxy_type": "none", "proxy_host": "", "proxy_port": None}
        values |= {"proxy_username": "", "authentication": "authorization_code", "username": self.provider.account}
        values |= self.provider.settings | given
        return ServerDraft(PROVIDERS[str(values["provider"])], values, {}, secrets)

    def save(self, **given: Any) -> None:
        """Save it."""
        with self.parts.database.transaction() as session:
            service.save(session, self.parts.sealer, self.draft(**given), by="owner@mailroom.example")

    def begin(self) -> str:
        """Choose “Generate access token”; where the browser is sent."""
        return consent.start(self.parts, self.server, self.general, self.sign_in_id)

    def sign_in(self) -> None:
        """Do all of it."""
        consent.complete(self.parts, self.sign_in_id, self.provider.visit(self.begin()))
