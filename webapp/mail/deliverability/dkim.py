"""DKIM: whether the domain has a key with which the service can sign."""

import asyncio
import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from flask_babel import gettext as _

from webapp.core import formatting, i18n
from webapp.core.hosts import is_within
from webapp.core.i18n import lazy_gettext as lazy
from webapp.core.resolver import Answer, LookupFailed, Resolver, or_failure
from webapp.mail.deliverability.findings import Finding, Level, Record
from webapp.mail.deliverability.sender import Sender
from webapp.mail.deliverability.tags import read_tags

# Names that many servers and services give their keys. There is no list of all.
COMMON = (
    "default", "dkim", "mail", "email", "smtp", "key1", "s1", "s2", "k1", "k2", "k3", "selector1", "selector2",
    "google", "mx", "pm", "fm1", "zoho", "mandrill", "dk", "s1024", "s2048", "rsa", "ed25519",
)  # fmt: skip
# Bits of an RSA key: less is ignored (RFC 8301), less than the second is too short today.
MIN_BITS, GOOD_BITS = 1024, 2048

FLAWS = {
    "revoked": lazy("The DKIM key “%(name)s” was revoked: its record has no key."),
    "invalid": lazy("The DKIM record “%(name)s” has no usable key, perhaps because it was copied in part."),
    "several": lazy("There is more than one DKIM record “%(name)s”, so servers may ignore it."),
    "short": lazy("The DKIM key “%(name)s” is shorter than 1,024 bits, so servers ignore its signatures."),
    "dangling": lazy(
        "“%(name)s” leads to “%(target)s”, which has no key. Turn on DKIM signing in the service's settings."
    ),
    "elsewhere": lazy("“%(name)s” leads to “%(target)s”, which isn't this service's, so it is the key of another one."),
    "only_short": lazy("The DKIM key “%(name)s” has %(bits)s bits. Today, 2,048 are usual."),
    "testing": lazy(
        "The DKIM key “%(name)s” is marked as a test (t=y), so servers treat signatures as if there were none."
    ),
}
# With these, signatures count all the same, or may.
MINOR = frozenset({"only_short", "testing"})


@dataclass(frozen=True)
class Key:
    """The record of one selector. `flaw` is the worst that is wrong with it."""

    domain: str
    selector: str
    target: str = ""
    flaw: str = ""
    bits: int = 0

    @property
    def name(self) -> str:
        """The name of its record."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def works(self) -> bool:
        """Whether a signature with it counts."""
        return not self.flaw or self.flaw in MINOR

    @property
    def note(self) -> str:
        """What is wrong with it, in the current language."""
        values = {"name": self.name, "target": self.target, "bits": str(self.bits)}
        return str(FLAWS[self.flaw]) % i18n.isolate(values) if self.flaw else ""


async def keys(resolver: Resolver, sender: Sender, domain: str) -> list[Key]:
    """Return the keys of a domain: those of the service, else all under common names. Raises LookupFailed."""
    own = list(sender.dns.dkim_selectors) if sender.dns else []
    selectors = dict.fromkeys([*own, *COMMON])
    answers = await asyncio.gather(
        *(or_failure(resolver.ask(f"{one}._domainkey.{domain}", "TXT")) for one in selectors)
    )
    found = [
        key
        for selector, answer in zip(selectors, answers, strict=True)
        for key in _key(sender, domain, selector, answer)
    ]
    relevant = [key for key in found if key.selector in own] if own else found
    failed = next((answer for answer in answers[: len(own) or None] if isinstance(answer, LookupFailed)), None)
    if failed is not None and not any(key.works for key in relevant):
        raise failed
    return relevant or [key for key in found if key.flaw != "dangling"]


def check(sender: Sender, found: Sequence[Key]) -> Finding:
    """Return whether there is a key for the service to sign with."""
    own = [key for key in found if sender.dns and key.selector in sender.dns.dkim_selectors]
    working, notes = [key for key in own if key.works], [key.note for key in found if key.note]
    shown = [f"{key.name} → {key.target}" if key.target else key.name for key in found]
    if working:
        text = _("%(server)s can sign with DKIM: %(names)s.", server=sender.server, names=_names(working))
        minor = all(key.flaw for key in working)
        return Finding(
            "dkim", Level.WARNING if minor else Level.OK, " ".join([text, *(notes if minor else [])]), found=shown
        )
    if own:
        return Finding("dkim", Level.PROBLEM, " ".join(key.note for key in own), _to_publish(sender), shown)
    if sender.dns and sender.dns.dkim_selectors:
        return _not_found(sender, found, shown)
    usable = [key for key in found if key.works]
    if usable:
        text = _(
            "There is a DKIM key: %(names)s. Whether the server signs with it can't be seen here.", names=_names(usable)
        )
        return Finding("dkim", Level.OK, text, found=shown)
    text = _(
        "No DKIM key of %(domain)s was found under the usual names. If your mail server doesn't sign yet, have its "
        "administrator turn on DKIM and publish the record that it shows.",
        domain=sender.domain,
    )
    return Finding("dkim", Level.WARNING, " ".join([text, *notes]), found=shown)


def _not_found(sender: Sender, found: Sequence[Key], shown: Sequence[str]) -> Finding:
    others = [key for key in found if key.works]
    text = _(
        "%(domain)s has no DKIM key of %(server)s, so its emails can't be signed for your domain.",
        domain=sender.domain, server=sender.server,
    )  # fmt: skip
    if others:
        text = " ".join([text, _("There are keys of others: %(names)s.", names=_names(others))])
    return Finding("dkim", Level.PROBLEM, text, _to_publish(sender), shown)


def _to_publish(sender: Sender) -> list[Record]:
    """Return the names of the records of the service's keys. Only the service knows the keys, or where they are."""
    if sender.dns is None:
        return []
    kind = "CNAME" if sender.dns.dkim_targets else "TXT"
    source = _("The value is shown in the settings of %(server)s, where you turn on DKIM.", server=sender.server)
    return [Record(f"{name}._domainkey.{sender.domain}", kind, source=source) for name in sender.dns.dkim_selectors]


def _key(sender: Sender, domain: str, selector: str, answer: Answer | LookupFailed) -> list[Key]:
    if isinstance(answer, LookupFailed):
        return []
    name = f"{selector}._domainkey.{domain}"
    target = answer.name if answer.name != name else ""
    texts = [text for text in answer.texts if "p" in read_tags(text)]
    if not texts:
        return [Key(domain, selector, target, "dangling")] if target else []
    flaw, bits = ("several", 0) if len(texts) > 1 else _flaw(read_tags(texts[0]))
    dns = sender.dns
    if (
        target
        and dns
        and selector in dns.dkim_selectors
        and dns.dkim_targets
        and not is_within(target, dns.dkim_targets)
    ):
        flaw = "elsewhere"
    return [Key(domain, selector, target, flaw, bits)]


def _flaw(tags: dict[str, str]) -> tuple[str, int]:
    """Return what is wrong with a record, if anything, and the size of its key (RFC 6376, 3.6.1)."""
    if not tags["p"]:
        return "revoked", 0
    try:
        der = base64.b64decode("".join(tags["p"].split()), validate=True)
        if tags.get("k", "rsa") == "ed25519":
            Ed25519PublicKey.from_public_bytes(der)
            return _testing(tags), 0
        key = load_der_public_key(der)
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return "invalid", 0
    if not isinstance(key, RSAPublicKey) or tags.get("v", "DKIM1") != "DKIM1" or tags.get("k", "rsa") != "rsa":
        return "invalid", 0
    if key.key_size < MIN_BITS:
        return "short", key.key_size
    return _testing(tags) or ("only_short" if key.key_size < GOOD_BITS else ""), key.key_size


def _testing(tags: dict[str, str]) -> str:
    return "testing" if "y" in tags.get("t", "").split(":") else ""


def _names(found: Sequence[Key]) -> str:
    return formatting.format_list(key.name for key in found)
