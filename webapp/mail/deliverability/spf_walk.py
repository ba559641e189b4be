"""Walk an SPF record and all that it includes, within the limits of RFC 7208, as a receiving server does."""

from collections.abc import Sequence

from webapp.core.hosts import IpAddress, is_within
from webapp.core.resolver import Resolver
from webapp.mail.deliverability.spf_record import InvalidTerm, Term, expand, is_spf, parse

MAX_LOOKUPS, MAX_VOIDS, MAX_HOSTS = 10, 2, 10
RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


class SpfError(Exception):
    """A receiving server can't use the record (permerror). `code` says why, `domain` whose record it is."""

    def __init__(self, code: str, domain: str, term: str = "") -> None:
        super().__init__(code, domain, term)
        self.code, self.domain, self.term = code, domain, term


async def records(resolver: Resolver, domain: str) -> list[str]:
    """Return the SPF records of a domain; more than one is an error. Raises LookupFailed."""
    return sorted(text for text in await resolver.texts(domain) if is_spf(text))


class Walk:
    """One evaluation (4.6) for an email of `sender` that comes from `address`.

    Without an address, only what matches everybody does: it follows everything, and so counts the most that can be
    asked. Both raise SpfError, and LookupFailed where the DNS doesn't answer.
    """

    def __init__(self, resolver: Resolver, sender: str, address: IpAddress | None = None) -> None:
        self._resolver, self._sender, self._address = resolver, sender, address
        self.lookups = self.voids = 0
        # The domains of all records that were read and let somebody send, and the networks in all of them.
        self.domains: list[str] = []
        self.networks: list[Term] = []

    async def result(self, domain: str, above: Sequence[str] = ()) -> str:
        """Return `pass`, `fail`, `softfail` or `neutral`; `none` if the domain has no record."""
        domain = domain.lower().rstrip(".")
        if domain in above:
            raise SpfError("loop", domain)
        found = await records(self._resolver, domain)
        if len(found) > 1:
            raise SpfError("several", domain)
        if not found:
            return "none"
        self.domains.append(domain)
        terms = self._terms(found[0], domain)
        self._start(terms, domain)
        for term in terms:
            if term.name == "all":
                return RESULTS[term.qualifier]
            if await self._matches(term, domain, (*above, domain)):
                return RESULTS[term.qualifier]
        for term in terms:
            if term.name == "redirect":
                return await self._follow(term, domain, (*above, domain))
        return "neutral"

    def _terms(self, record: str, domain: str) -> list[Term]:
        try:
            terms = parse(record)
        except InvalidTerm as error:
            raise SpfError("syntax", domain, str(error)) from error
        self.networks += [term for term in terms if term.name in ("ip4", "ip6")]
        return terms

    def _start(self, terms: Sequence[Term], domain: str) -> None:
        """Ask at once what the next terms will ask."""
        asking = [term for term in terms if term.asks and not term.has_macros]
        for term in asking[: MAX_LOOKUPS - self.lookups]:
            if term.name in ("include", "redirect"):
                self._resolver.start(term.value, "TXT")
            elif term.name == "mx":
                self._resolver.start(term.value or domain, "MX")

    async def _matches(self, term: Term, domain: str, above: Sequence[str]) -> bool:
        if term.name in ("ip4", "ip6"):
            return term.value.endswith("/0") or (self._address is not None and term.contains(self._address))
        if term.name == "include":
            return await self._follow(term, domain, above) == "pass"
        if not term.asks or term.name == "redirect":
            return False
        self._count_lookup(domain, term)
        target = self._target(term, domain)
        if target is None:
            return False
        if term.name == "exists":
            answer = await self._resolver.ask(target, "A")
            return self._counted(bool(answer.records), domain, term) and self._address is not None
        if term.name == "ptr":
            return await self._has_name(target)
        hosts = [target] if term.name == "a" else await self._exchangers(target, domain, term)
        return await self._is_one_of(hosts, domain, term)

    async def _follow(self, term: Term, domain: str, above: Sequence[str]) -> str:
        """Return the result of the record that a term leads to."""
        self._count_lookup(domain, term)
        target = self._target(term, domain)
        if target is None:
            return "neutral"
        known = len(self.domains)
        result = await self.result(target, above)
        if term.qualifier != "+":
            # Whatever it leads to doesn't pass here.
            del self.domains[known:]
        if result == "none":
            raise SpfError("included_none", domain, term.text)
        return result

    async def _exchangers(self, target: str, domain: str, term: Term) -> list[str]:
        hosts = [host for host in await self._resolver.mail_exchangers(target) if host]
        self._counted(bool(hosts), domain, term)
        if len(hosts) > MAX_HOSTS:
            raise SpfError("too_many_hosts", target, term.text)
        return hosts

    async def _is_one_of(self, hosts: Sequence[str], domain: str, term: Term) -> bool:
        """Return whether the address is near one of these hosts; of `a`, whether that exists counts as well."""
        if term.name == "mx" and self._address is None:
            return False
        found = [address for host in hosts for address in await self._resolver.addresses(host)]
        if term.name == "a":
            self._counted(bool(found), domain, term)
        return any(self._is_near(term, address) for address in found)

    async def _has_name(self, target: str) -> bool:
        """Return whether the address has a name in a domain (5.5)."""
        if self._address is None:
            return False
        names = (await self._resolver.names_of(self._address))[:MAX_HOSTS]
        near = [name for name in names if is_within(name, [target.lower()])]
        return any([self._address in await self._resolver.addresses(name) for name in near])

    def _is_near(self, term: Term, host: IpAddress) -> bool:
        address = self._address
        return address is not None and address.version == host.version and term.contains(address, host)

    def _target(self, term: Term, domain: str) -> str | None:
        """Return the domain of a term; None if it depends on an address that isn't given."""
        if not term.has_macros:
            return term.value or domain
        return expand(term.value, self._address, domain, self._sender) if self._address else None

    def _count_lookup(self, domain: str, term: Term) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise SpfError("lookups", domain, term.text)

    def _counted(self, found: bool, domain: str, term: Term) -> bool:
        """Count a lookup that found nothing."""
        self.voids += not found
        if self.voids > MAX_VOIDS:
            raise SpfError("voids", domain, term.text)
        return found
