"""The form of the General page, and how a public address is written."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

import idna
from flask_babel import gettext as _
from wtforms import Field, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from webapp.core.email_addresses import InvalidEmailAddress, validate
from webapp.core.texts import lazy_gettext as lazy
from webapp.web.forms import VersionedForm, stripped


class GeneralForm(VersionedForm):
    """Public address, product name and support address. `public_url` is taken out while the environment fixes it."""

    public_url = StringField(lazy("Public URL"), [DataRequired(lazy("Enter the public URL."))])
    product_name = StringField(
        lazy("Product name"),
        [
            DataRequired(lazy("Enter a product name.")),
            Length(max=60, message=lazy("Too long: use at most 60 characters.")),
        ],
        filters=[stripped],
    )
    support_address = StringField(lazy("Support address"), filters=[stripped])

    def validate_public_url(self, field: Field) -> None:
        """Refuse what is no public address; keep it as it will be used."""
        try:
            field.data = public_address(field.data)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def validate_support_address(self, field: Field) -> None:
        """Refuse what is no e-mail address; empty means that there is none."""
        try:
            field.data = validate(field.data) if field.data else ""
        except InvalidEmailAddress as error:
            raise ValidationError(str(error)) from error


def public_address(text: str) -> str:
    """The address in its one way of writing: `https://mail.example.com`, an IDN as A-labels, no slash at the end.

    Raises ValueError, in words for a person, when `text` is anything but scheme, host and port.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(_("This is not a valid URL. Enter one such as https://mail.example.com.")) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(_("Enter https:// followed by the host name, for example https://mail.example.com."))
    if parts.username is not None or parts.password is not None:
        raise ValueError(_("Remove the user name and password from the URL."))
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise ValueError(_("Enter the URL without a path: Mailroom must be served from the root of its host."))
    return f"{parts.scheme}://{_host(host)}{_port(parts, port)}"


def is_plain_http(address: str) -> bool:
    """Whether mail links to this address travel without encryption beyond this machine."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _host(host: str) -> str:
    if ip := _ip_address(host):
        return f"[{ip}]" if ip.version == 6 else str(ip)
    try:
        return idna.encode(host.rstrip("."), uts46=True, std3_rules=True).decode()
    except idna.IDNAError:
        raise ValueError(_("“%(host)s” is not a valid host name.", host=host)) from None


def _port(parts: SplitResult, port: int | None) -> str:
    if port == 0:
        raise ValueError(_("The port must be between 1 and 65535."))
    return "" if port in (None, {"http": 80, "https": 443}[parts.scheme]) else f":{port}"


def _is_loopback(host: str) -> bool:
    ip = _ip_address(host)
    return ip.is_loopback if ip else host == "localhost" or host.endswith(".localhost")


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, or None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
