"""The fix that a failed test offers: form values that differ from the present ones, and connections seen to work."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from webapp.core import network_errors
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Failure

# Seconds for each step of a probe. Some servers greet after five.
PROBE_TIMEOUT = 6
CONNECTION = frozenset({"host", "port", "security", "tls_minimum"})
ENCRYPTED = ("starttls", "tls")
# Where mail servers take email from programs (RFC 6409, RFC 8314), and the port that hosting companies don't block.
USUAL = (("starttls", "587"), ("tls", "465"), ("starttls", "2525"))
_STAGES = (Stage.CONNECT, Stage.TLS, Stage.GREETING, Stage.EHLO)
# Failures of these stages that another port or security doesn't explain.
_OTHER_CAUSES = ("tls_version", "plain_text_after_starttls")

# Form values by the name of their field.
Candidate = Mapping[str, str]


@dataclass(frozen=True)
class Fix:
    """The form values to offer, empty if there are none.

    They are `verified` if a mail server was seen to answer with them. `tried` are the connections, each its security
    and port, that were tried without success. `failures` are those on the present port, by security.
    """

    values: Candidate = field(default_factory=dict)
    verified: bool = False
    tried: Sequence[tuple[str, str]] = ()
    failures: Mapping[str, Failure] = field(default_factory=dict, compare=False)


NO_FIX = Fix()


def find(
    settings: TransportSettings, failure: Failure, suggested: Candidate, begins: Callable[[], None] = lambda: None
) -> Fix:
    """Return the fix for a failure with these settings. `suggested` are the form values that its diagnosis names.

    Nothing is offered that the form holds already. Another port or security is offered only if a mail server was
    seen to answer there, encrypted and with a certificate that is right; the other security on the same port comes
    first. `begins` is called before that search, which takes about 12 seconds if ports are silent.
    """
    new = _changes(settings, suggested)
    if not new.keys() & CONNECTION and not _may_be_the_port(failure):
        return Fix(new)
    begins()
    candidates = _candidates(settings, new)
    same_port = [one for one in candidates if not one.keys() & {"host", "port"}]
    others = [one for one in candidates if one not in same_port]
    tried: list[Candidate] = []
    failures: dict[str, Failure] = {}
    for group in ([] if failure.stage == Stage.CONNECT else same_port, others):
        threads = ThreadPoolExecutor(len(group) or 1)
        results = threads.map(partial(_probe, settings), group)
        # Nobody waits for a silent port when a better one has answered.
        threads.shutdown(wait=False)
        for one, failed in zip(group, results, strict=True):
            if failed is None:
                return Fix(one, verified=True, failures=failures)
            if one in same_port:
                failures[_connection(settings, one)[0]] = failed
            # With its certificate corrected, the other security is the right one.
            if one not in same_port or failed.code not in network_errors.CERTIFICATES:
                tried.append(one)
    return Fix(tried=[_connection(settings, one) for one in tried], failures=failures)


def _may_be_the_port(failure: Failure) -> bool:
    if failure.code == "authentication_not_offered":
        return True
    known = failure.code in _OTHER_CAUSES or failure.code in network_errors.CERTIFICATES
    return failure.stage in _STAGES and not failure.reply and not known


def _candidates(settings: TransportSettings, suggested: Candidate) -> Sequence[Candidate]:
    """Return the form values to try, the best first: encrypted connections that are not the present one."""
    own = settings.provider.connection
    usual = [(own.security, str(own.port)), *USUAL] if own.host == settings.host else USUAL
    values = [suggested, *({"security": security} for security in ENCRYPTED)]
    values += [{"security": security, "port": port} for security, port in usual]
    changes = [_changes(settings, one) for one in values]
    return [
        one
        for number, one in enumerate(changes)
        if one.keys() & CONNECTION and one not in changes[:number] and _connection(settings, one)[0] in ENCRYPTED
    ]


def _changes(settings: TransportSettings, values: Candidate) -> Candidate:
    present = settings.public_values
    return {name: value for name, value in values.items() if value != present.get(name)}


def _probe(settings: TransportSettings, candidate: Candidate) -> Failure | None:
    """Return why no mail server answers that offers to authenticate if that is needed. No credentials are sent."""
    security, port = _connection(settings, candidate)
    try:
        probe = replace(
            settings,
            host=candidate.get("host", settings.host),
            port=int(port),
            security=security,
            tls_minimum=candidate.get("tls_minimum", settings.tls_minimum),
            timeout=min(settings.timeout, PROBE_TIMEOUT),
            authentication="none",
            secrets={},
            tokens=None,
        )
        with SmtpConnection(probe) as opened:
            works = settings.authentication == "none" or (opened.host and opened.host.mechanisms)
            return None if works else Failure(Stage.AUTH, "authentication_not_offered")
    except DeliveryError as error:
        return error.failure
    except (ValueError, OverflowError):
        return Failure(Stage.LOOKUP, "host_invalid")


def _connection(settings: TransportSettings, candidate: Candidate) -> tuple[str, str]:
    """Return the security and the port of a candidate."""
    return candidate.get("security", settings.security), candidate.get("port", str(settings.port))
