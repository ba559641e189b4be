"""Who sends: an address through a mail server, and the service that runs it."""

from dataclasses import dataclass
from typing import Self

from webapp.mail.mime import bare_address
from webapp.mail.models import MailServer
from webapp.providers import Dns, Provider
from webapp.providers.registry import ProviderRegistry


@dataclass(frozen=True)
class Sender:
    """Who sends: the address that emails are from, and the server that they go through.

    `dns` is what the service declares, also where its host was entered under “Custom”.
    """

    address: str
    host: str
    username: str
    provider: Provider

    @classmethod
    def of(cls, server: MailServer, providers: ProviderRegistry) -> Self:
        """Return the sender of a mail server."""
        provider = providers.get(server.provider) or providers.default
        host = provider.host(server.host, server.provider_fields).lower().rstrip(".")
        if provider.dns is None:
            provider = next((one for one in providers if host and one.connection.host == host), provider)
        return cls(bare_address(server.mail_from), host, server.username, provider)

    @property
    def domain(self) -> str:
        """The domain of the address, in ASCII."""
        return self.address.rpartition("@")[2].lower()

    @property
    def server(self) -> str:
        """What the server is called: the service, if it is known, else its host."""
        return str(self.provider.label) if self.dns else self.host

    @property
    def dns(self) -> Dns | None:
        """What the service declares; None for any other server."""
        return self.provider.dns
