"""Check all that the DNS says about a sender, side by side and within a few seconds."""

import asyncio
from collections.abc import Awaitable, Sequence

from flask_babel import gettext as _

from webapp.core.hosts import parse_ip_address
from webapp.core.name_servers import NameServer
from webapp.core.resolver import LookupFailed, Resolver, or_failure
from webapp.mail.deliverability import dkim, dmarc, mx_and_ptr, send_as, spf
from webapp.mail.deliverability.dkim import Key
from webapp.mail.deliverability.dmarc import Policy
from webapp.mail.deliverability.findings import Finding, Level, not_looked_up
from webapp.mail.deliverability.sender import Sender
from webapp.providers import Provider

# For everything, whatever the network does.
SECONDS = 8.0


def check(sender: Sender, providers: Sequence[Provider], name_servers: Sequence[NameServer] = ()) -> list[Finding]:
    """Return what the DNS says about email from this sender, within SECONDS. It raises nothing and sends nothing.

    Without `name_servers`, it asks those of the system. Needs an application context, for the language.
    """
    return asyncio.run(_check(sender, providers, name_servers))


async def _check(sender: Sender, providers: Sequence[Provider], name_servers: Sequence[NameServer]) -> list[Finding]:
    owner = next((one for one in providers if one.dns and sender.domain in one.dns.domains), None)
    if owner is not None:
        return [send_as.of_foreign_domain(sender, owner), *send_as.check(sender, None)]
    if parse_ip_address(sender.domain.strip("[]")) or "." not in sender.domain:
        text = _(
            "%(domain)s is not a domain on the internet, so nobody else can check email from it.", domain=sender.domain
        )
        return [Finding("sender", Level.PROBLEM, text)]
    resolver = Resolver(name_servers, SECONDS)
    try:
        missing = not (await resolver.ask(sender.domain, "TXT")).exists
    except LookupFailed:
        missing = False
    if missing:
        text = _("%(domain)s doesn't exist in the DNS, so servers refuse email from it.", domain=sender.domain)
        return [Finding("sender", Level.PROBLEM, text)]
    return await _check_domain(resolver, sender)


async def _check_domain(resolver: Resolver, sender: Sender) -> list[Finding]:
    found_spf, found_keys, policy, mx, names = await asyncio.gather(
        _or_unknown("spf", spf.check(resolver, sender)),
        or_failure(dkim.keys(resolver, sender, sender.domain)),
        or_failure(dmarc.find(resolver, sender.domain)),
        _or_unknown("mx", mx_and_ptr.check_mx(resolver, sender.domain)),
        mx_and_ptr.check_reverse_names(resolver, sender),
    )
    keys = (
        None if isinstance(found_keys, LookupFailed) else await _with_those_above(resolver, sender, found_keys, policy)
    )
    return [
        *send_as.check(sender, keys),
        found_spf,
        not_looked_up("dkim", found_keys) if isinstance(found_keys, LookupFailed) else dkim.check(sender, keys or ()),
        *_dmarc(sender, policy, found_spf, keys),
        mx,
        *names,
    ]


async def _or_unknown(subject: str, check: Awaitable[Finding]) -> Finding:
    """Return what is found, or that it could not be looked up."""
    try:
        return await check
    except LookupFailed as error:
        return not_looked_up(subject, error)


async def _with_those_above(
    resolver: Resolver, sender: Sender, keys: Sequence[Key], policy: Policy | LookupFailed
) -> Sequence[Key]:
    """Return the keys, or those of the organization's domain, which can sign for its subdomains, if there are none."""
    above = sender.domain if isinstance(policy, LookupFailed) else policy.organization
    if above == sender.domain or any(key.works for key in keys):
        return keys
    found = await or_failure(dkim.keys(resolver, sender, above))
    return keys if isinstance(found, LookupFailed) else [*keys, *found]


def _dmarc(
    sender: Sender, policy: Policy | LookupFailed, found_spf: Finding, keys: Sequence[Key] | None
) -> list[Finding]:
    if isinstance(policy, LookupFailed):
        return [not_looked_up("dmarc", policy)]
    return dmarc.check(sender, policy, spf.passes(found_spf, sender), keys)
