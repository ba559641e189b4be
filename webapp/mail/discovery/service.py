"""Find the settings of a mail service from a domain, or an address in it.

In this order: a provider that gives out addresses in the domain, the provider that receives its email (MX), what the
domain publishes for mail programs (autoconfig, then SRV). All are asked side by side.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from webapp.core import domain_lists, email_addresses
from webapp.core.domain_lists import NotADomain
from webapp.core.email_addresses import comparison_key
from webapp.core.hosts import is_internet_name, is_within
from webapp.core.name_servers import NameServer
from webapp.core.resolver import LookupFailed, Resolver, or_failure
from webapp.core.text import trimmed
from webapp.mail.discovery import autoconfig
from webapp.mail.discovery.autoconfig import Settings
from webapp.providers import Provider

# For all together, and for one web server.
SECONDS, HTTP_SECONDS = 9.0, 7.0
# RFC 8314 prefers TLS from the start to STARTTLS (RFC 6186).
SERVICES = (("_submissions._tcp", "tls"), ("_submission._tcp", "starttls"))


class Source(StrEnum):
    """From where settings are."""

    DOMAIN = "domain"
    MX = "mx"
    AUTOCONFIG = "autoconfig"
    SRV = "srv"


@dataclass(frozen=True)
class Asked:
    """What was asked for: a domain in ASCII, and the address, if it was one."""

    domain: str
    address: str = ""


@dataclass(frozen=True)
class Found:
    """Settings, and from where: the host, the URL or the name in the DNS. `provider` is None for any other server."""

    source: Source
    evidence: str
    provider: Provider | None
    settings: Settings


@dataclass(frozen=True)
class NotFound:
    """Nothing was found: because the domain doesn't exist, or perhaps only because name servers gave no answer."""

    unanswered: bool
    exists: bool = True


def parse(text: str) -> Asked:
    """Return what a text asks for. Raises InvalidEmailAddress or NotADomain."""
    text = trimmed(text)
    if "@" in text.lstrip("@"):
        address = email_addresses.validate(text)
        return Asked(comparison_key(address).rpartition("@")[2], address)
    domains = domain_lists.parse(text)
    if len(domains) != 1 or "." not in domains[0] or domains[0].startswith("*"):
        raise NotADomain(text)
    return Asked(domains[0])


def find(asked: Asked, providers: Sequence[Provider], name_servers: Sequence[NameServer] = ()) -> Found | NotFound:
    """Return the settings for a domain or an address, within ten seconds. Nothing is sent to what was found."""
    return asyncio.run(_find(asked, providers, name_servers))


async def _find(asked: Asked, providers: Sequence[Provider], name_servers: Sequence[NameServer]) -> Found | NotFound:
    owner = next((one for one in providers if one.dns and asked.domain in one.dns.domains), None)
    if owner is not None:
        return Found(Source.DOMAIN, asked.domain, owner, _of_provider(owner, asked))
    resolver = Resolver(name_servers, SECONDS)
    pool = ThreadPoolExecutor(len(autoconfig.URLS))
    ways = [
        _by_mx(resolver, asked, providers),
        *(_by_autoconfig(pool, url, asked, providers) for url in autoconfig.URLS),
        _by_srv(resolver, asked, providers),
    ]
    try:
        found = await _first([asyncio.create_task(or_failure(way)) for way in ways])
    finally:
        # A silent web server needn't be waited for when the answer is known.
        pool.shutdown(wait=False)
    if isinstance(found, Found) or found.unanswered:
        return found
    # Known by now: the MX records were asked for first.
    return NotFound(unanswered=False, exists=(await resolver.ask(asked.domain, "MX")).exists)


async def _first(ways: Sequence[asyncio.Task[Found | LookupFailed | None]]) -> Found | NotFound:
    """Return what the first of the ways leads to that leads anywhere."""
    unanswered = False
    for way in ways:
        found = await way
        if isinstance(found, Found):
            return found
        unanswered = unanswered or found is not None
    return NotFound(unanswered)


async def _by_mx(resolver: Resolver, asked: Asked, providers: Sequence[Provider]) -> Found | None:
    for host in await resolver.mail_exchangers(asked.domain):
        for provider in providers:
            if provider.dns and is_within(host, provider.dns.mx):
                return Found(Source.MX, host, provider, _of_provider(provider, asked))
    return None


async def _by_autoconfig(
    pool: ThreadPoolExecutor, template: str, asked: Asked, providers: Sequence[Provider]
) -> Found | None:
    url = template.format(domain=asked.domain)
    fetch = partial(autoconfig.fetch, url, asked.domain, asked.address, HTTP_SECONDS)
    settings = await asyncio.get_running_loop().run_in_executor(pool, fetch)
    return _found(Source.AUTOCONFIG, url, settings, asked, providers) if settings else None


async def _by_srv(resolver: Resolver, asked: Asked, providers: Sequence[Provider]) -> Found | None:
    names = [f"{service}.{asked.domain}" for service, _security in SERVICES]
    for name in names:
        resolver.start(name, "SRV")
    for name, (_service, security) in zip(names, SERVICES, strict=True):
        records = sorted((await resolver.ask(name, "SRV")).records, key=lambda one: (one.priority, -one.weight))
        for record in records:
            host = str(record.target).rstrip(".").lower()
            # The root means that there is no such service (RFC 2782), which is no name of a host.
            if is_internet_name(host) and record.port:
                settings = Settings(host, record.port, security, asked.address)
                return _found(Source.SRV, name, settings, asked, providers)
    return None


def _found(source: Source, evidence: str, settings: Settings, asked: Asked, providers: Sequence[Provider]) -> Found:
    """Return the settings, those of a known provider if they lead to its host."""
    known = next((one for one in providers if one.connection.host == settings.host), None)
    return Found(source, evidence, known, _of_provider(known, asked) if known else settings)


def _of_provider(provider: Provider, asked: Asked) -> Settings:
    connection = provider.connection
    preset = getattr(provider.authentication[0], "username", "")
    return Settings(connection.host, connection.port, connection.security, preset or asked.address)
