"""DMARC: the policy of the domain, and whether email is in line with it (RFC 9989)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext as _

from webapp.core.resolver import Resolver
from webapp.mail.deliverability.dkim import Key
from webapp.mail.deliverability.findings import Finding, Level, Record
from webapp.mail.deliverability.sender import Sender
from webapp.mail.deliverability.tags import read_tags

VERSION = "DMARC1"
POLICIES = ("none", "quarantine", "reject")
# The tree walk asks at most so many names: that of the domain, then its last seven labels and shorter (4.10).
MAX_LABELS = 7
TO_BEGIN_WITH = "v=DMARC1; p=none"


@dataclass(frozen=True)
class Policy:
    """The DMARC record that holds for a domain, at `domain`. There is none if `text` is empty.

    `organization` is the domain whose subdomains count as the same sender where alignment is relaxed.
    """

    domain: str
    organization: str
    text: str = ""
    several: bool = False

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return read_tags(self.text)

    def action(self, domain: str) -> str:
        """Return what is asked for with email that fails: `none`, `quarantine`, `reject`, or "" if that is unclear."""
        tags = self.tags
        value = (
            tags.get("p", "none").lower() if self.domain == domain else tags.get("sp", tags.get("p", "none")).lower()
        )
        return value if value in POLICIES else ""

    def is_strict(self, tag: str) -> bool:
        """Return whether alignment is strict, for `aspf` or `adkim`."""
        return self.tags.get(tag, "r").lower() == "s"


async def find(resolver: Resolver, domain: str) -> Policy:
    """Return the policy of a domain, its own or that of its organization. Raises LookupFailed."""
    names = _names(domain)
    answers = await asyncio.gather(*(resolver.texts(f"_dmarc.{name}") for name in names))
    found = {
        name: records
        for name, answer in zip(names, answers, strict=True)
        if (records := list(filter(_is_dmarc, answer)))
    }
    organization = _organization(names, found)
    # In order: its own, that of the organization, that of a public suffix.
    for name in dict.fromkeys([domain, organization, *found]):
        if name in found:
            return Policy(name, organization, found[name][0], len(found[name]) > 1)
    return Policy(domain, organization)


def _names(domain: str) -> list[str]:
    labels = domain.split(".")
    first = max(1, len(labels) - MAX_LABELS)
    return [domain, *(".".join(labels[position:]) for position in range(first, len(labels)))]


def _is_dmarc(text: str) -> bool:
    name, _sign, value = text.partition(";")[0].partition("=")
    return name.strip().lower() == "v" and value.strip() == VERSION


def _organization(names: Sequence[str], found: dict[str, list[str]]) -> str:
    """Return the organizational domain (4.10.2): that with the shortest name, unless a record says that it is one."""
    organization = names[0]
    below = names[0]
    for name in names:
        records = found.get(name, [])
        suffix = read_tags(records[0]).get("psd", "u").lower() if len(records) == 1 else ""
        if suffix == "n":
            return name
        if suffix == "y" and name != names[0]:
            return below
        organization, below = (name if records else organization), name
    return organization


def check(sender: Sender, policy: Policy, spf_passes: bool | None, keys: Sequence[Key] | None) -> list[Finding]:
    """Return what was found of the record, and whether email passes it. `keys` is None if they aren't known."""
    return [_record(sender, policy), _alignment(sender, policy, spf_passes, keys)]


def _record(sender: Sender, policy: Policy) -> Finding:
    name, domain = f"_dmarc.{policy.domain}", sender.domain
    found = [f"{name}: {policy.text}"] if policy.text else []
    to_begin_with = [Record(name, "TXT", TO_BEGIN_WITH)]
    if not policy.text:
        text = _("%(domain)s has no DMARC record. Large mailbox services expect senders to have one.", domain=domain)
        return Finding("dmarc", Level.WARNING, text, to_begin_with)
    if policy.several:
        text = _("There is more than one DMARC record, so servers ignore all of them. Keep one.")
        return Finding("dmarc", Level.PROBLEM, text, [Record(name, "TXT", policy.text)], found)
    action = policy.action(domain)
    if not policy.tags or not action:
        text = _("The DMARC record of %(domain)s has a mistake, so servers may ignore it.", domain=policy.domain)
        return Finding("dmarc", Level.PROBLEM, text, to_begin_with, found)
    texts = {
        "none": _("%(domain)s has a DMARC record that only asks for reports (none).", domain=policy.domain),
        "quarantine": _(
            "The DMARC record of %(domain)s asks servers to put email that fails into spam (quarantine).",
            domain=policy.domain,
        ),
        "reject": _("The DMARC record of %(domain)s asks servers to reject email that fails.", domain=policy.domain),
    }
    return Finding("dmarc", Level.OK, texts[action], found=found)


def _alignment(sender: Sender, policy: Policy, spf_passes: bool | None, keys: Sequence[Key] | None) -> Finding:
    signing = [key.domain for key in keys or () if key.works]
    strict = policy.is_strict("adkim")
    signed = any(domain == sender.domain or not strict for domain in signing)
    ways = [name for name, holds in (("SPF", spf_passes), ("DKIM", signed)) if holds]
    if ways:
        text = _(
            "Emails from %(domain)s can pass DMARC, because %(ways)s is for the domain that people see.",
            domain=sender.domain, ways=" + ".join(ways),
        )  # fmt: skip
        return Finding("alignment", Level.OK, text)
    if spf_passes is None or keys is None:
        text = _("Whether emails pass DMARC isn't known, because it isn't known whether they pass SPF or DKIM.")
        return Finding("alignment", Level.UNKNOWN, text)
    if signing and strict:
        text = _(
            "The DMARC record asks for strict alignment (adkim=s), but the DKIM key is that of %(other)s, not of "
            "%(domain)s.",
            other=signing[0], domain=sender.domain,
        )  # fmt: skip
    else:
        text = _(
            "Emails from %(domain)s can't pass DMARC, which needs SPF or DKIM for this domain. See above.",
            domain=sender.domain,
        )
    enforced = policy.text and policy.action(sender.domain) in ("quarantine", "reject")
    return Finding("alignment", Level.PROBLEM if enforced else Level.WARNING, text)
