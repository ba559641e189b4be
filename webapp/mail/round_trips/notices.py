"""What a request through the public URL shows about the way it came: the link, the proxies, the public URL itself."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from flask_babel import lazy_gettext as _

from webapp.core import i18n
from webapp.core.hosts import is_public, is_within, parse_ip_address
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.transcript import Stage
from webapp.providers import Failure

# Services that replace links in emails and then lead to the original, by the ends of their host names. Sources: the
# services' own documentation, https://learn.microsoft.com/defender-office-365/safe-links-about and others.
LINK_SERVICES = (
    "safelinks.protection.outlook.com", "urldefense.proofpoint.com", "urldefense.com", "mimecast.com",
    "linkprotect.cudasvc.com", "secure-web.cisco.com", "trendmicro.com", "sendgrid.net", "mailgun.org",
    "mandrillapp.com", "awstrack.me", "sparkpostmail.com", "mjt.lu",
)  # fmt: skip
# Of each text, in characters: they are kept in a cookie until the button is pressed.
MAX_LENGTH = 200
DEFAULT_PORTS = (":80", ":443")
# Of what `reach.ask` finds, the one that is good news.
REACHED = "reached"
TEXTS = {
    REACHED: _("The public URL leads to this Mailroom."),
    "unreachable": _(
        "From here, the public URL can't be reached (%(error)s). If others can open it, that's fine. Otherwise correct "
        "the public URL, its DNS entry or the proxy."
    ),
    "somebody_else": _(
        "Something else replies at the public URL (status %(status)s). Correct the public URL, or have the proxy lead "
        "to this Mailroom."
    ),
    "not_asked": _("The public URL doesn't start with https://, so Mailroom doesn't open it."),
    "proxy_not_trusted": _(
        "The request came from the proxy %(proxy)s, which Mailroom doesn't trust, so it ignores what the proxy says "
        "about the scheme, the host and the visitor. Add %(proxy)s to MAILROOM_TRUSTED_PROXIES."
    ),
    "scheme": _(
        "The public URL starts with %(expected)s, but the request arrived with %(seen)s. Have the proxy send "
        "X-Forwarded-Proto and name it in MAILROOM_TRUSTED_PROXIES, or correct the public URL."
    ),
    "host": _(
        "The public URL has the host %(expected)s, but the request arrived for %(seen)s. Have the proxy pass on the "
        "host, or correct the public URL."
    ),
    "parameters": _(
        "The link was changed on the way: it got the parameters %(names)s. Turn off click tracking at the provider, "
        "or link rewriting in the recipient's mail filter."
    ),
    "ending": _("The link was changed on the way: something was added at its end. Mailroom ignores it."),
    "wrapped": _(
        "The link was replaced with one of %(service)s, which opened it first. Links from Mailroom withstand that, as "
        "only a button uses them up."
    ),
}


@dataclass(frozen=True)
class Notice:
    """One thing that was noticed: a code in TEXTS and the parameters of its text."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the notice that `to_json` wrote."""
        return cls(data["code"], data["params"])

    def to_json(self) -> dict[str, Any]:
        """Return it for a cookie or a column."""
        return asdict(self)

    def __str__(self) -> str:
        params = dict(self.params)
        if cause := params.pop("cause", ""):
            params["error"] = describe(Failure(Stage.CONNECT, cause, params)).rstrip(".")
        return str(TEXTS[self.code]) % i18n.isolate(params)


@dataclass(frozen=True)
class Seen:
    """What the application sees of a request.

    `peer` is the address that connected, or the visitor's where a trusted proxy named it; `untrusted` says that
    something else named a visitor, a scheme or a host.
    """

    scheme: str
    host: str
    peer: str
    untrusted: bool = False
    parameters: Sequence[str] = ()
    ending: bool = False
    referrer: str = ""


def notice(seen: Seen, public_url: str) -> list[Notice]:
    """Return what is worth telling."""
    found = [*_way(seen, urlsplit(public_url).scheme, urlsplit(public_url).netloc), *_link(seen)]
    return [Notice(one.code, {key: value[:MAX_LENGTH] for key, value in one.params.items()}) for one in found]


def _way(seen: Seen, scheme: str, host: str) -> list[Notice]:
    found = []
    if seen.scheme != scheme:
        found.append(Notice("scheme", {"seen": f"{seen.scheme}://", "expected": f"{scheme}://"}))
    if _without_port(seen.host) != _without_port(host):
        found.append(Notice("host", {"seen": seen.host, "expected": host}))
    # Visitors may send such headers themselves, and wrong hosts, to have their own address named here as one to trust;
    # but they don't come from an address of a local network.
    if seen.untrusted and _is_local(seen.peer):
        return [Notice("proxy_not_trusted", {"proxy": seen.peer})]
    return found


def _link(seen: Seen) -> list[Notice]:
    found = []
    referrer = _host_of(seen.referrer)
    if service := next((one for one in LINK_SERVICES if is_within(referrer, [one])), ""):
        found.append(Notice("wrapped", {"service": service}))
    if seen.parameters:
        found.append(Notice("parameters", {"names": ", ".join(seen.parameters)}))
    if seen.ending:
        found.append(Notice("ending"))
    return found


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _without_port(host: str) -> str:
    return next((host.removesuffix(port) for port in DEFAULT_PORTS if host.endswith(port)), host).lower()


def _is_local(address: str) -> bool:
    ip = parse_ip_address(address)
    return ip is not None and not is_public(ip)
