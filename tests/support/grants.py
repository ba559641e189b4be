"""An administrator who sets up a mail server with OAuth2, below the pages."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from plugins import custom, google, office365
from tests.support.authorization import CLIENT_SECRET, AuthorizationServer
from tests.support.users import add_user
from webapp.accounts.models import Role, User
from webapp.accounts.sessions import service as sessions
from webapp.core.app_state import AppState
from webapp.mail import servers, service
from webapp.mail.grants import authorization, token_source
from webapp.mail.grants import service as grants
from webapp.mail.grants.token_source import GrantTokens
from webapp.mail.models import Grant, MailServer
from webapp.mail.servers import ROUTE, EnteredServer
from webapp.mail.service import Saved
from webapp.settings.service import General, general
from webapp.web.client import Client

BUILT_IN = [module.register_smtp_provider() for module in (custom, google, office365)]
PROVIDERS = {provider.key: provider for provider in BUILT_IN}
SENDER = "Mailroom <mailroom@mailroom.example>"


def shown(session: Session) -> MailServer | None:
    """Return the draft of the server in use, else that."""
    primary = servers.primary(session)
    return servers.draft_of(session, primary) or primary


@dataclass
class GrantOwner:
    """The administrator with a session."""

    state: AppState
    provider: AuthorizationServer
    session_id: int

    @classmethod
    def create(cls, state: AppState, provider: AuthorizationServer) -> "GrantOwner":
        """Return an administrator who is signed in."""
        user_id = add_user(state.database, "owner@mailroom.example", Role.ADMINISTRATOR)
        with state.database.transaction() as session:
            owner = session.get_one(User, user_id)
            browser, _token = sessions.start(session, owner, Client("192.0.2.1", "Firefox"))
        return cls(state, provider, browser.id)

    @property
    def general(self) -> General:
        """The general settings."""
        with self.state.database.read() as session:
            return general(session, self.state.config)

    @property
    def server(self) -> MailServer:
        """The mail server that the form shows: the draft, if there is one."""
        with self.state.database.read() as session:
            found = shown(session)
        assert found is not None
        return found

    @property
    def grant(self) -> Grant:
        """Its grant."""
        with self.state.database.read() as session:
            found = grants.get(session, self.server.id)
        assert found is not None
        return found

    @property
    def tokens(self) -> GrantTokens:
        """The source of its access tokens."""
        return token_source.for_server(self.server, self.state)

    def entered(self, **given: Any) -> EnteredServer:
        """Return what is entered for a custom server with the provider of the tests."""
        secrets = {"client_secret": CLIENT_SECRET} | given.pop("secrets", {})
        values = {"provider": "custom", "mail_from": SENDER, "host": "localhost", "port": 9, "security": "none"}
        values |= {"tls_minimum": "1.2", "timeout": 10, "proxy_type": "none", "proxy_host": "", "proxy_port": None}
        values |= {
            **ROUTE,
            "proxy_username": "",
            "authentication": "authorization_code",
            "username": self.provider.account,
        }
        values |= self.provider.settings | given
        return EnteredServer(PROVIDERS[str(values["provider"])], values, {}, secrets)

    def save(self, **given: Any) -> Saved:
        """Save the mail server; `version` is the one of the form."""
        version = given.pop("version", None)
        with self.state.database.transaction() as session:
            server = shown(session)
            server_id = given.pop("server_id", server.id if server else None)
            entered = self.entered(**given)
            return service.save(session, self.state.sealer, entered, "owner@mailroom.example", version, server_id)

    def start(self) -> str:
        """Start an authorization and return the URL that the browser is sent to."""
        return authorization.start(self.server, self.general, self.session_id)

    def authorize(self) -> None:
        """Obtain a grant."""
        authorization.complete(self.session_id, self.provider.visit(self.start()))
