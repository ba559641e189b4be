"""SPF: whether the domain's record lets the server send."""

from collections.abc import Sequence

from flask_babel import gettext as _

from webapp.core import i18n
from webapp.core.hosts import IpAddress, is_public, parse_ip_address
from webapp.core.i18n import lazy_gettext as lazy
from webapp.core.resolver import LookupFailed, Resolver
from webapp.mail.deliverability.findings import Finding, Level, Record
from webapp.mail.deliverability.sender import Sender
from webapp.mail.deliverability.spf_record import with_term
from webapp.mail.deliverability.spf_walk import MAX_HOSTS, MAX_LOOKUPS, MAX_VOIDS, SpfError, Walk, records

# Of the service's networks, those that are tried where its own include isn't in the record.
SAMPLES = 3

ERRORS = {
    "syntax": lazy("The SPF record of %(domain)s has an invalid term, so servers ignore all of it: %(term)s"),
    "several": lazy("%(domain)s has more than one SPF record, so servers ignore all of them. Replace them with one."),
    "loop": lazy("The SPF record of %(domain)s includes itself, so servers ignore it."),
    "lookups": lazy(
        "SPF needs more than %(limit)s DNS lookups, so servers ignore it. It fails at “%(term)s” in the record of "
        "%(domain)s. Remove what no longer sends for your domain."
    ),
    "voids": lazy(
        "More than %(voids)s terms of the SPF record name something that doesn't exist, so servers ignore it. One is "
        "“%(term)s” in the record of %(domain)s."
    ),
    "included_none": lazy(
        "The SPF record of %(domain)s has “%(term)s”, but that domain has no SPF record, so servers ignore all of it. "
        "Remove the term or correct it."
    ),
    "too_many_hosts": lazy("“%(term)s” in an SPF record leads to more than ten hosts, so servers ignore the record."),
}


async def check(resolver: Resolver, sender: Sender) -> Finding:
    """Return whether the record lets the server send. Raises LookupFailed."""
    domain, term = sender.domain, await _term(resolver, sender)
    found = await records(resolver, domain)
    if not found:
        return _missing(sender, term)
    walk = Walk(resolver, sender.address)
    try:
        everybody = await walk.result(domain) == "pass"
        allowed = await _allows(resolver, sender, walk)
    except SpfError as error:
        return _broken(error, sender, term, found)
    if everybody:
        text = _(
            "The SPF record lets anybody send email from %(domain)s (+all), so it protects nothing.", domain=domain
        )
        return _finding(Level.PROBLEM, text, sender, term, found)
    if allowed is None:
        return _unseen(sender, found)
    if not allowed:
        return await _not_allowed(resolver, sender, term, found, walk)
    text = _(
        "The SPF record of %(domain)s lets %(server)s send, with %(number)s of at most %(limit)s DNS lookups.",
        domain=domain, server=sender.server, number=walk.lookups, limit=MAX_LOOKUPS,
    )  # fmt: skip
    return Finding("spf", Level.OK, text, found=found)


def passes(finding: Finding, sender: Sender) -> bool | None:
    """Return whether email passes SPF for the domain that people see; None if that isn't known."""
    if sender.dns and sender.dns.own_return_path:
        return False
    return None if finding.level is Level.UNKNOWN else finding.level is Level.OK


async def _term(resolver: Resolver, sender: Sender) -> str:
    """Return the term that lets the server send."""
    if sender.dns is not None:
        return f"include:{sender.dns.spf_include}" if sender.dns.spf_include else ""
    address = parse_ip_address(sender.host)
    if address is not None:
        return f"ip{address.version}:{address}" if is_public(address) else ""
    return f"a:{sender.host}" if await public_addresses(resolver, sender) else ""


async def public_addresses(resolver: Resolver, sender: Sender) -> list[IpAddress]:
    """Return the addresses of the server that the internet can see. Raises LookupFailed."""
    address = parse_ip_address(sender.host)
    found = [address] if address else await resolver.addresses(sender.host)
    return [one for one in found if is_public(one)][:MAX_HOSTS]


async def _allows(resolver: Resolver, sender: Sender, walk: Walk) -> bool | None:
    """Return whether the record lets the server send; None if its addresses aren't known."""
    if sender.dns is not None and not sender.dns.spf_include:
        return None
    if sender.dns is not None and sender.dns.spf_include in walk.domains:
        return True
    addresses = await (_samples(resolver, sender) if sender.dns else public_addresses(resolver, sender))
    if not addresses:
        return False if sender.dns else None
    results = [await Walk(resolver, sender.address, address).result(sender.domain) for address in addresses]
    return all(result == "pass" for result in results)


async def _samples(resolver: Resolver, sender: Sender) -> list[IpAddress]:
    """Return some addresses that the service sends from, as its own SPF record lists them.

    A domain may have copied the networks, or have a service that does (“flattening”), instead of the include.
    """
    walk = Walk(resolver, sender.address)
    await walk.result(sender.dns.spf_include if sender.dns else "")
    starts = [parse_ip_address(term.value.partition("/")[0]) for term in walk.networks]
    return [address for address in starts if address is not None][:SAMPLES]


async def _not_allowed(resolver: Resolver, sender: Sender, term: str, found: Sequence[str], walk: Walk) -> Finding:
    if sender.dns and sender.dns.own_return_path:
        return _not_needed(sender, term, found)
    values = {"domain": sender.domain, "server": sender.server}
    if sender.dns is None:
        text = _(
            "The SPF record of %(domain)s doesn't allow the addresses of %(server)s. If it sends from other addresses, "
            "ask its administrator for the right term.",
            **values,
        )
        return _finding(Level.WARNING, text, sender, term, found)
    text = _("The SPF record of %(domain)s doesn't let %(server)s send. Replace it with the record below.", **values)
    if await _exceeds(resolver, sender, walk):
        text = _(
            "The SPF record of %(domain)s doesn't let %(server)s send, and has no room for it: with the record below "
            "it needs more than %(limit)s DNS lookups. Remove what no longer sends for your domain.",
            limit=MAX_LOOKUPS, **values,
        )  # fmt: skip
    return _finding(Level.PROBLEM, text, sender, term, found)


async def _exceeds(resolver: Resolver, sender: Sender, walk: Walk) -> bool:
    """Return whether the record would need too many lookups with the service's include."""
    added = Walk(resolver, sender.address)
    try:
        await added.result(sender.dns.spf_include if sender.dns else "")
    except (SpfError, LookupFailed):
        return False
    return walk.lookups + 1 + added.lookups > MAX_LOOKUPS


def _missing(sender: Sender, term: str) -> Finding:
    if sender.dns and sender.dns.own_return_path:
        return _not_needed(sender, term, ())
    text = _("%(domain)s has no SPF record, so nothing says who may send for it.", domain=sender.domain)
    return _finding(Level.PROBLEM if sender.dns else Level.WARNING, text, sender, term, ())


def _not_needed(sender: Sender, term: str, found: Sequence[str]) -> Finding:
    text = _(
        "%(server)s sends with a return address of its own, so servers don't ask for the SPF record of %(domain)s. "
        "DKIM counts instead. Only if the service's setup asks for it, publish the record below.",
        server=sender.server, domain=sender.domain,
    )  # fmt: skip
    record = Record(sender.domain, "TXT", with_term(found, term))
    return Finding("spf", Level.OK, text, [record])


def _unseen(sender: Sender, found: Sequence[str]) -> Finding:
    text = _(
        "Which address %(server)s has on the internet can't be seen from here. The SPF record of %(domain)s has to "
        "allow it.",
        server=sender.server, domain=sender.domain,
    )  # fmt: skip
    return Finding("spf", Level.UNKNOWN, text, found=found)


def _broken(error: SpfError, sender: Sender, term: str, found: Sequence[str]) -> Finding:
    values = {"domain": error.domain, "term": error.term, "limit": MAX_LOOKUPS, "voids": MAX_VOIDS}
    text = str(ERRORS[error.code]) % i18n.isolate(values)
    if error.domain != sender.domain or error.code in ("loop", "lookups"):
        return Finding("spf", Level.PROBLEM, text, found=found)
    return _finding(Level.PROBLEM, text, sender, term, found, without=error.term)


def _finding(level: Level, text: str, sender: Sender, term: str, found: Sequence[str], without: str = "") -> Finding:
    value = with_term(found, term, without)
    # Without anything that may send, the record would say that nobody may.
    shown = [Record(sender.domain, "TXT", value)] if term or found else []
    return Finding("spf", level, text, shown, found)
