"""Ask name servers, all questions of one piece of work side by side and within one time.

dnspython does the protocol: UDP, TCP where an answer is too long for it, the next server where one fails. A failure
to get an answer is never taken for the answer that there is nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver
import dns.reversename

from webapp.core.hosts import IpAddress, parse_ip_address
from webapp.core.name_servers import NameServer

Result = TypeVar("Result")
Kind = Literal["A", "AAAA", "MX", "PTR", "SRV", "TXT"]
# Seconds for one server to answer, before the next one is asked, or the same one again.
ONE_SERVER = 1.5
# Questions at once; a home router's name server drops what is much more.
AT_ONCE = 24


class LookupFailed(Exception):
    """No name server gave a usable answer about this name, so nothing is known."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"{kind} {name}")
        self.name, self.kind = name, kind


@dataclass(frozen=True)
class Answer:
    """What a name server said. `name` is the one that aliases (CNAME) led to; it may not exist."""

    name: str
    exists: bool
    records: Sequence[Any] = ()

    @property
    def texts(self) -> list[str]:
        """The TXT records, each as one text."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self.records]


class Resolver:
    """Asks each question once. All answers come within `seconds` of its creation, or fail.

    Use one for each piece of work, in one event loop. Without `servers`, it asks those of the system.
    """

    def __init__(self, servers: Sequence[NameServer], seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._answers: dict[tuple[str, Kind], asyncio.Task[Answer | LookupFailed]] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._resolver = _configured(servers)

    def start(self, name: str, kind: Kind) -> "asyncio.Task[Answer | LookupFailed]":
        """Ask in the background what will be needed later."""
        key = (name.lower().rstrip("."), kind)
        if key not in self._answers:
            self._answers[key] = asyncio.create_task(self._ask(*key))
        return self._answers[key]

    async def ask(self, name: str, kind: Kind) -> Answer:
        """Return the answer. Raises LookupFailed."""
        found = await self.start(name, kind)
        if isinstance(found, LookupFailed):
            raise LookupFailed(found.name, found.kind)
        return found

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records, each as one text. Raises LookupFailed."""
        return (await self.ask(name, "TXT")).texts

    async def addresses(self, name: str) -> list[IpAddress]:
        """Return the IP addresses, v4 first. Raises LookupFailed if either question fails."""
        self.start(name, "AAAA")
        answers = [await self.ask(name, "A"), await self.ask(name, "AAAA")]
        found = [parse_ip_address(record.address) for answer in answers for record in answer.records]
        return [address for address in found if address is not None]

    async def mail_exchangers(self, name: str) -> list[str]:
        """Return the hosts that receive email, the preferred one first; the null MX (RFC 7505) is "". See `ask`."""
        records = sorted((await self.ask(name, "MX")).records, key=lambda record: record.preference)
        return [_host(record.exchange) for record in records]

    async def names_of(self, address: IpAddress) -> list[str]:
        """Return the reverse names (PTR) of an address. Raises LookupFailed."""
        answer = await self.ask(reverse_name(address), "PTR")
        return [_host(record.target) for record in answer.records]

    async def _ask(self, name: str, kind: Kind) -> Answer | LookupFailed:
        left = self._end - time.monotonic()
        if left <= 0 or self._resolver is None:
            return LookupFailed(name, kind)
        try:
            async with asyncio.timeout(left), self._at_once:
                found = await self._resolver.resolve(
                    name + ".", kind, raise_on_no_answer=False, lifetime=left, search=False
                )
        except dns.resolver.NXDOMAIN as error:
            return Answer(_host(error.canonical_name), exists=False)
        except (dns.resolver.NoNameservers, dns.exception.Timeout, OSError):
            return LookupFailed(name, kind)
        except (dns.exception.DNSException, UnicodeError):
            # Not a name that the DNS could have.
            return Answer(name, exists=False)
        return Answer(_host(found.canonical_name), exists=True, records=tuple(found.rrset or ()))


async def or_failure(work: Awaitable[Result]) -> Result | LookupFailed:
    """Return a failed lookup instead of raising it."""
    try:
        return await work
    except LookupFailed as error:
        return error


def reverse_name(address: IpAddress) -> str:
    """Return the name under which the names of an address are found."""
    return dns.reversename.from_address(str(address)).to_text(omit_final_dot=True)


def _configured(servers: Sequence[NameServer]) -> dns.asyncresolver.Resolver | None:
    """Return dnspython's resolver; None if the system names no server."""
    try:
        resolver = dns.asyncresolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration:
        return None
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(one.address, one.port) for one in servers]
    resolver.timeout = ONE_SERVER
    return resolver


def _host(name: Any) -> str:
    return str(name).rstrip(".").lower()
