"""The options of `mailroom mail set`: the fields of the page. Secrets come from files, as anybody can see arguments."""

import sys
from typing import Any, TextIO

import click

from webapp.cli.options import option, options
from webapp.mail.server_page.forms import SECRETS
from webapp.mail.servers import TRUST

# What each field means, in the order of the page.
HELP = {
    "provider": "Such as sendgrid, google, office365 or custom.",
    "mail_from": "Sender, such as 'Acme <mail@acme.example>'.",
    "authentication": "Such as password or none; depends on the provider.",
    "username": "User name.",
    "client_id": "Client ID.",
    "tenant_id": "Directory (tenant) ID.",
    "authorize_url": "Authorization URL.",
    "device_authorization_url": "Device authorization URL.",
    "token_url": "Token URL.",
    "scopes": "Scopes, with spaces between them.",
    "secret_expires_on": "Last day of the client secret or key.",
    "host": "Host of the mail server.",
    "port": "Port.",
    "security": "starttls, tls or none.",
    "tls_minimum": "1.2 or 1.3.",
    "timeout": "Seconds.",
    "address_family": "any, ipv4 or ipv6.",
    "mechanism": "The only SASL mechanism to use, such as LOGIN; empty for the best.",
    "proxy_type": "none, http or socks5.",
    "proxy_host": "Host of the proxy.",
    "proxy_port": "Port of the proxy.",
    "proxy_username": "User name at the proxy.",
    "limit_per_minute": "Maximum emails per minute.",
    "limit_per_day": "Maximum emails in 24 hours.",
    "limit_connections": "Maximum connections at once.",
    "goes_back": "If email fails after a change, restore the settings that worked.",
}
# The fields that are boxes to tick.
BOXES = ("goes_back",)
OTHERS = "Options"
# The beginnings of the names of options that are shown together.
GROUPS = {
    "Sender and sign-in": ("provider", "mail_from", "authentication", "username", "password"),
    "OAuth2": (
        "client_id",
        "tenant_id",
        "authorize_url",
        "device_",
        "token_url",
        "scopes",
        "secret_",
        "client_secret",
        "service_account",
        "remove_client_secret",
    ),
    "Connection": ("host", "port", "security", "timeout", "address_family", "mechanism"),
    "Certificates": ("tls_", "trusted_", "pinned_", "client_certificate", "remove_client_certificate"),
    "Proxy": ("proxy_",),
    "Limits": ("limit_",),
    OTHERS: ("",),
}
FILE_HELP = "Read it from a file; - is standard input."
REMOVE = {
    "remove_client_secret": "Forget the saved client secret.",
    "remove_client_certificate": "Forget the saved client certificate.",
}
# What is given as a file: secrets, and certificates, which are long.
FILES = (*SECRETS, *TRUST)
SECRET_OPTIONS = {name: f"{option(name)}-file" for name in FILES}


def read_options(given: dict[str, Any]) -> dict[str, str]:
    """Return the form fields that the options give, but for the provider's own."""
    names = (*HELP, *REMOVE)
    posted = {name: _to_post(given[name]) for name in names if given[name] is not None}
    for name in FILES:
        file: TextIO | None = given[f"{name}_file"]
        if file is not None:
            posted[name] = file.read()
    if given["password_stdin"]:
        posted["password"] = sys.stdin.readline()
    return posted


def read_own_fields(given: dict[str, Any]) -> dict[str, str]:
    """Return the fields of the provider's own that the options give."""
    own = dict(given["field"])
    for name, path in given["field_file"].items():
        with click.open_file(path) as opened:
            own[name] = opened.read()
    return own


def _to_post(value: str | bool) -> str:
    """Return what a browser would send."""
    return ("y" if value else "false") if isinstance(value, bool) else value


def _declaration(name: str) -> list[str]:
    """Return what the option of a field is called; that of a box can be turned off, too."""
    own = option(name)
    return [f"{own}/{own.replace('--', '--no-', 1)}"] if name in BOXES else [own]


def _pairs(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Split texts at their first equals sign. Raises BadParameter."""
    pairs = [value.partition("=") for value in values]
    if wrong := [name for name, equals, _ in pairs if not name or not equals]:
        raise click.BadParameter(f"{wrong[0]!r} has no name and value with = between them.")
    return {name: value for name, _, value in pairs}


class SettingsCommand(click.Command):
    """A command with many options: its help shows them under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of a group together."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for one in self.get_params(ctx):
            if record := one.get_help_record(ctx):
                groups.setdefault(_group(one.name or ""), []).append(record)
        for heading in sorted(groups, key=list(GROUPS).index):
            with formatter.section(heading):
                formatter.write_dl(groups[heading])


def _group(name: str) -> str:
    return next((heading for heading, beginnings in GROUPS.items() if name.startswith(beginnings)), OTHERS)


server_options = options(
    *(click.option(*_declaration(name), default=None, help=text) for name, text in HELP.items()),
    click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
    *(click.option(name, type=click.File(), metavar="FILE", help=FILE_HELP) for name in SECRET_OPTIONS.values()),
    *(click.option(option(name), flag_value="y", help=text) for name, text in REMOVE.items()),
    click.option(
        "--field", multiple=True, metavar="NAME=VALUE", callback=_pairs, help="A field of the provider's own."
    ),
    click.option(
        "--field-file", multiple=True, metavar="NAME=FILE", callback=_pairs, help="The same from a file, for secrets."
    ),
)
