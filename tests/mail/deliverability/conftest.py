"""A check of a sender, with the DNS that a test describes."""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask

from tests.support.dns_server import Fault, NameServer, Records
from webapp.mail.deliverability import service
from webapp.mail.deliverability.findings import Finding
from webapp.mail.deliverability.sender import Sender
from webapp.providers.registry import get_providers

Check = Callable[..., dict[str, Finding]]


def key_record(bits: int = 2048) -> str:
    """Return a DKIM record with a new key."""
    key = rsa.generate_private_key(65537, bits).public_key()
    return (
        "v=DKIM1; k=rsa; p="
        + base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    )


@pytest.fixture(scope="session")
def dkim_key() -> str:
    """A DKIM record as it should be."""
    return key_record()


@pytest.fixture
def check(shared_app: Flask) -> Iterator[Check]:
    """Check a sender with these zones; return the findings by subject, the worst of each."""

    def run(
        zones: Mapping[str, Records], provider: str = "google", faults: Mapping[str, Fault] | None = None, **given: Any
    ) -> dict[str, Finding]:
        providers = get_providers()
        values = {"address": "mail@shop.example", "host": "mail.shop.example", "username": "mail@shop.example"}
        sender = Sender(provider=providers[provider], **{**values, **given})
        with NameServer(zones, faults) as server:
            found = service.check(sender, list(providers), [server.address])
        order = ["ok", "unknown", "warning", "problem"]
        return {one.subject: one for one in sorted(found, key=lambda one: order.index(one.level))}

    with shared_app.app_context():
        yield run
