"""Settings for connections to the tests' mail servers, a message to send, and an administrator who uses OAuth2."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from tests.support.authorization import AuthorizationServer, running_provider
from tests.support.grants import GrantOwner
from tests.support.inbox import Inbox
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.mime import Email
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import NoAuthentication, Password, Provider

PLAIN_PROVIDER = Provider(key="plain", label="Plain", authentication=[Password(), NoAuthentication()])


def settings_for(server: ScriptedServer | Inbox | None = None, **given: Any) -> TransportSettings:
    """Return the settings for a server; without encryption and authentication, unless given."""
    values: dict[str, Any] = {
        "provider": PLAIN_PROVIDER,
        "mail_from": "Mailroom <mailroom@example.org>",
        "host": server.host if server else "localhost",
        "port": server.port if server else 1,
        "security": "none",
        "tls_minimum": "1.2",
        "timeout": 5,
        "authentication": "none",
        "helo": "mailroom.example.org",
    }
    return TransportSettings(**(values | given))


def with_password(
    server: ScriptedServer | Inbox | None = None, password: str = "pässwörd 1", **given: Any
) -> TransportSettings:
    """Return the settings for a server that wants a user name and a password."""
    return settings_for(server, authentication="password", username="mailroom", secrets={"password": password}, **given)


@pytest.fixture
def message() -> Email:
    """A short message."""
    return Email(
        subject="Hello",
        sender=("", "mailroom@example.org"),
        recipient="eve@example.org",
        text="Line\n.hidden dot\n",
        html="<p>Hello</p>",
        message_id="<hello@example.org>",
    )


@pytest.fixture
def send(shared_app: Flask, message: Email) -> Callable[[TransportSettings], SmtpConnection]:
    """Connect, send the message and disconnect."""

    def send(settings: TransportSettings) -> SmtpConnection:
        with shared_app.app_context(), SmtpConnection(settings) as connection:
            connection.send(message)
        return connection

    return send


@pytest.fixture
def delivery_error(send: Callable[[TransportSettings], SmtpConnection]) -> Callable[[TransportSettings], DeliveryError]:
    """Send the message, which fails; the error."""

    def send_in_vain(settings: TransportSettings) -> DeliveryError:
        with pytest.raises(DeliveryError) as caught:
            send(settings)
        return caught.value

    return send_in_vain


def stages(connection: SmtpConnection | DeliveryError) -> list[Stage]:
    """Return the stages that were reached, in order."""
    return [step.stage for step in connection.transcript.stages]


@pytest.fixture
def provider() -> Iterator[AuthorizationServer]:
    """A provider that issues access tokens."""
    with running_provider() as provider:
        yield provider


@pytest.fixture
def owner(state: AppState, provider: AuthorizationServer) -> GrantOwner:
    """An administrator who uses that provider."""
    return GrantOwner.create(state, provider)


@pytest.fixture
def granted(owner: GrantOwner) -> GrantOwner:
    """The same administrator, with a grant."""
    owner.save()
    owner.authorize()
    owner.provider.asked.clear()
    return owner


def later(**time: float) -> Any:
    """Travel in time."""
    return time_machine.travel(clock.now() + timedelta(**time))
