"""Start the demo: prepare its own instance folder, then run all its programs."""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy.orm import Session

from webapp.core import schema
from webapp.core.app_state import AppState, app_state_of
from webapp.core.config import PREFIX
from webapp.demo import accounts, sample_application
from webapp.demo.inbox import HOST, PASSWORD, USERNAME
from webapp.demo.plugins import local_inbox
from webapp.mail import service as mail
from webapp.mail.servers import ROUTE, EnteredServer, primary
from webapp.process.listen_address import AddressUnavailable, ListenAddress, find_free_port
from webapp.process.supervisor import Child, Supervisor
from webapp.providers import Provider
from webapp.providers.registry import get_providers
from webapp.settings import service as settings

WEB_PORT = 8000
INBOX_OFFSET = 25
LAST_PORT = 65535
PROVIDER = "local_inbox"


def run(
    create_app: Callable[[], Flask],
    port: int | None,
    web_children: Callable[[socket.socket], list[Child]],
    echo: Callable[..., None],
) -> None:
    """Run the demo on loopback until a signal arrives, on `port` or the first free port from 8000.

    Raises AddressUnavailable if the port is taken or the demo is already running.
    """
    instance = Path(os.environ.get(f"{PREFIX}INSTANCE", "instance")) / "demo"
    address = ListenAddress(HOST, port) if port else find_free_port(ListenAddress(HOST, WEB_PORT))
    inbox = find_free_port(ListenAddress(HOST, inbox_port_beside(address.port)))
    submission = find_free_port(ListenAddress(HOST, sample_application.PORT))
    configure(os.environ, instance, inbox.port, submission.port)
    app = create_app()
    with single_instance(instance), address.listen() as listener, submission.listen() as submission_listener:
        state = app_state_of(app)
        schema.upgrade(state.database)
        with app.app_context(), state.database.transaction() as session:
            prepare(session, state, address, inbox.port)
        state.database.engine.dispose()
        children = [
            Child("inbox", ["--port", str(inbox.port)], module="webapp.demo.smtp_server"),
            *web_children(listener),
            Child("worker", ["worker"]),
            Child("submission", ["submission"], sockets=[submission_listener]),
        ]
        Supervisor(children).run(address.answers, lambda: echo(*welcome(address, submission.port)))


def inbox_port_beside(port: int) -> int:
    """Return the first port to try for the inbox: 8025 beside 8000, so that two demos do not collide."""
    return port + INBOX_OFFSET if port + INBOX_OFFSET <= LAST_PORT else port - INBOX_OFFSET


def configure(environ: MutableMapping[str, str], instance: Path, inbox_port: int, submission_port: int) -> None:
    """Replace all Mailroom settings in the environment, for this process and its children."""
    plugins = [str(Path(local_inbox.__file__).parent), environ.get(f"{PREFIX}PLUGIN_DIR", "")]
    for name in [name for name in environ if name.startswith(PREFIX)]:
        del environ[name]
    environ[f"{PREFIX}INSTANCE"] = str(instance.resolve())
    environ[f"{PREFIX}DEMO"] = "on"
    environ[f"{PREFIX}LOG_FORMAT"] = "text"
    environ[f"{PREFIX}PLUGIN_DIR"] = os.pathsep.join(filter(None, plugins))
    environ[f"{PREFIX}SUBMISSION"] = f"{HOST}:{submission_port}"
    environ[local_inbox.PORT_VARIABLE] = str(inbox_port)


@contextmanager
def single_instance(instance: Path) -> Iterator[None]:
    """Lock the instance folder. Raises AddressUnavailable if another demo has locked it."""
    with (instance / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AddressUnavailable(f"The demo in {instance} is already running.") from error
        yield


def prepare(session: Session, state: AppState, address: ListenAddress, inbox_port: int) -> None:
    """Set up public URL, accounts and mail server; keep what the user has changed since."""
    general = settings.general(session, state.config)
    if not general.public_url or general.public_url.startswith(f"http://{HOST}:"):
        settings.save_general(
            session,
            product_name=general.product_name,
            support_address=general.support_address,
            public_url=address.url,
        )
    accounts.create(session)
    sample_application.create(session)
    saved = primary(session)
    if saved is None:
        mail.save(session, state.sealer, mail_server(get_providers()[PROVIDER], inbox_port), by="demo")
    elif saved.provider == PROVIDER:
        saved.port = inbox_port


def mail_server(provider: Provider, inbox_port: int) -> EnteredServer:
    """Describe the local inbox as the mail server form would."""
    values = {
        "provider": PROVIDER,
        "mail_from": "Mailroom <mailroom@mailroom.example>",
        "host": HOST,
        "port": inbox_port,
        "security": "none",
        "tls_minimum": "1.2",
        "timeout": 10,
        **ROUTE,
        "proxy_type": "none",
        "proxy_host": "",
        "proxy_port": None,
        "proxy_username": "",
        "authentication": "password",
        "username": USERNAME,
    }
    return EnteredServer(provider, values, provider_fields={}, secrets={"password": PASSWORD})


def welcome(address: ListenAddress, submission_port: int) -> list[str]:
    """Return the lines to print once the demo answers."""
    return [
        "",
        f"  Mailroom demo           {address.url}/",
        f"  Emails it sends         {address.url}/demo/inbox",
        *(f"  {account.name:<22}  {account.email}  password: {account.password}" for account in accounts.ACCOUNTS),
        *sample_application.welcome(submission_port),
        "  Press Ctrl-C to stop it. `make clean-demo` deletes its data.",
        "",
    ]
