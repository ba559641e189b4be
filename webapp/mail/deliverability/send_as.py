"""The sender's address against what the service lets this account send as."""

from collections.abc import Sequence

from flask_babel import gettext as _

from webapp.core.email_addresses import comparison_key
from webapp.mail.deliverability.dkim import Key
from webapp.mail.deliverability.findings import Finding, Level
from webapp.mail.deliverability.sender import Sender
from webapp.providers import Provider


def check(sender: Sender, keys: Sequence[Key] | None) -> list[Finding]:
    """Return whether the service lets the account send from the address; nothing if it lets everybody."""
    values = {"address": sender.address, "server": str(sender.provider.label), "account": sender.username}
    if sender.provider.sends_as == "account" and "@" in sender.username:
        return [_of_account(sender, values)]
    if sender.provider.sends_as == "verified":
        return [_verified(sender, keys, values)]
    return []


def of_foreign_domain(sender: Sender, owner: Provider) -> Finding:
    """Return what to say of an address in a domain whose service gives addresses to anybody."""
    values = {"domain": sender.domain, "owner": str(owner.label), "server": str(sender.provider.label)}
    if owner.key == sender.provider.key:
        text = _("%(domain)s is the service's own domain: %(owner)s looks after SPF, DKIM and DMARC.", **values)
        return Finding("sender", Level.OK, text)
    text = _(
        "The address is in %(domain)s, which belongs to %(owner)s. Through another server, such emails fail SPF, DKIM "
        "and DMARC. Set Mail From to an address in a domain of your own, or send through %(owner)s.",
        **values,
    )
    return Finding("sender", Level.PROBLEM, text)


def _of_account(sender: Sender, values: dict[str, str]) -> Finding:
    account, address = comparison_key(sender.username), comparison_key(sender.address)
    if account == address:
        return Finding("sender", Level.OK, _("Mail From is the address of the account itself.", **values))
    text = _(
        "%(server)s sends from %(account)s and its aliases only. Check that %(address)s is an alias of it or that it "
        "may send as this address; otherwise set Mail From to %(account)s.",
        **values,
    )
    return Finding("sender", Level.WARNING, text)


def _verified(sender: Sender, keys: Sequence[Key] | None, values: dict[str, str]) -> Finding:
    own = sender.dns.dkim_selectors if sender.dns else ()
    if any(key.works and key.target and key.selector in own for key in keys or ()):
        text = _("The domain of %(address)s is set up with %(server)s: its DKIM records lead there.", **values)
        return Finding("sender", Level.OK, text)
    text = _(
        "%(server)s sends from verified addresses and domains only. The DNS doesn't show that the domain of "
        "%(address)s is verified. Verify the domain, or at least this address, in the settings of %(server)s.",
        **values,
    )
    return Finding("sender", Level.WARNING, text)
