"""MX and reverse names: whether replies and bounces can arrive, and whether the server's address has a name."""

import asyncio

from flask_babel import gettext as _

from webapp.core import formatting
from webapp.core.hosts import IpAddress, parse_ip_address
from webapp.core.resolver import LookupFailed, Resolver, reverse_name
from webapp.mail.deliverability import spf
from webapp.mail.deliverability.findings import Finding, Level, Record, not_looked_up
from webapp.mail.deliverability.sender import Sender


async def check_mx(resolver: Resolver, domain: str) -> Finding:
    """Return whether the domain can receive email. Raises LookupFailed."""
    hosts = await resolver.mail_exchangers(domain)
    if hosts == [""]:
        text = _(
            "%(domain)s says that it receives no email (null MX). Replies and bounces are lost, and many servers "
            "refuse email from such a domain.",
            domain=domain,
        )
        return Finding("mx", Level.PROBLEM, text, found=["0 ."])
    real = [host for host in hosts if host]
    addresses = await asyncio.gather(*(_addresses(resolver, host) for host in real[:5]))
    if real and not any(addresses):
        text = _("The mail servers of %(domain)s don't exist in the DNS: %(names)s.", domain=domain, names=_list(real))
        return Finding("mx", Level.PROBLEM, text, found=real)
    if real:
        text = _("%(domain)s can receive replies and bounces.", domain=domain)
        return Finding("mx", Level.OK, text, found=real)
    if await resolver.addresses(domain):
        text = _(
            "%(domain)s has no MX record, so replies and bounces go to the address of its website, "
            "which often accepts no email.",
            domain=domain,
        )
        return Finding("mx", Level.WARNING, text)
    text = _(
        "%(domain)s can't receive email, as it has no MX record and no address. Replies and bounces are lost, and many "
        "servers refuse email from such a domain.",
        domain=domain,
    )
    return Finding("mx", Level.PROBLEM, text)


async def check_reverse_names(resolver: Resolver, sender: Sender) -> list[Finding]:
    """Return whether the names of the server's addresses lead back to them; nothing of a known service's."""
    if sender.dns is not None:
        return []
    try:
        addresses = await spf.public_addresses(resolver, sender)
    except LookupFailed as error:
        return [not_looked_up("ptr", error)]
    return list(await asyncio.gather(*(_check_address(resolver, sender, address) for address in addresses[:4])))


async def _check_address(resolver: Resolver, sender: Sender, address: IpAddress) -> Finding:
    try:
        names = await resolver.names_of(address)
        confirmed = [name for name in names[:10] if address in await resolver.addresses(name)]
    except LookupFailed as error:
        return not_looked_up("ptr", error)
    if confirmed:
        text = _(
            "The address %(address)s has the name %(name)s, which leads back to it.", address=address, name=confirmed[0]
        )
        return Finding("ptr", Level.OK, text, found=names)
    values = {"address": str(address), "names": _list(names)}
    if names:
        text = _("The name of the address %(address)s doesn't lead back to it: %(names)s.", **values)
    else:
        text = _(
            "The address %(address)s has no name (PTR), and many servers refuse email from such addresses.", **values
        )
    text = f"{text} " + _("If the server sends from it, ask the provider of the address to set the record.")
    # A reverse name is a name, also where the server was entered by its address.
    value = "" if parse_ip_address(sender.host) else sender.host + "."
    record = Record(
        reverse_name(address), "PTR", value, _("The value is the host name of the server, with a dot at the end.")
    )
    return Finding("ptr", Level.WARNING, text, [record], names)


async def _addresses(resolver: Resolver, host: str) -> bool:
    """Return whether a host has an address, or may have one."""
    try:
        return bool(await resolver.addresses(host))
    except LookupFailed:
        return True


def _list(names: list[str]) -> str:
    return formatting.format_list(names)
