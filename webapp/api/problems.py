"""The kinds of problems that have a name of their own, by which programs can tell them apart."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from webapp.core.errors import MailroomError, TooManyRequests
from webapp.web.problems import FieldError, Problem

DOCUMENTATION = "/api/v1/docs"


class Kind(NamedTuple):
    """One kind of problem. `text` explains it in the documentation.

    `error` is what the functions of endpoints raise that have this kind among their refusals.
    """

    name: str
    status: int
    title: str
    text: str
    error: type[Exception] | None = None

    @property
    def type(self) -> str:
        """The URI that identifies it: where it is explained (RFC 9457, 3.1.1)."""
        return f"{DOCUMENTATION}#{self.name}"

    def problem(
        self, detail: str = "", errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> Problem:
        """Return a problem of this kind, to be raised."""
        return Problem(
            self.status, detail or self.text, type_=self.type, title=self.title, errors=errors, headers=headers
        )


def translated(error: MailroomError, kinds: Iterable[Kind]) -> MailroomError:
    """Return the problem that an error is for one of these kinds, else the error."""
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyRequests) else None
    return next(
        (one.problem(headers=headers) for one in kinds if one.error is not None and isinstance(error, one.error)), error
    )


UNAUTHENTICATED = Kind(
    "unauthenticated",
    401,
    "Unauthenticated",
    "The request needs the header Authorization: Bearer, with a valid secret of an application.",
)
APPLICATION_DISABLED = Kind(
    "application-disabled", 403, "Application disabled", "An administrator has disabled this application."
)
NETWORK_NOT_ALLOWED = Kind(
    "network-not-allowed",
    403,
    "Network not allowed",
    "The application may not be used from this IP address. Its networks are set in Settings → Applications.",
)
PERMISSION_MISSING = Kind(
    "permission-missing",
    403,
    "Permission missing",
    "The application may not do this. What it may do is set in Settings → Applications.",
)
INVALID_REQUEST = Kind(
    "invalid-request",
    422,
    "Invalid request",
    "Some parts of the request are not valid. `errors` names each of them.",
)
KEY_REUSED = Kind(
    "idempotency-key-reused",
    422,
    "Idempotency-Key used before",
    "Another request was sent with this Idempotency-Key. Use a new key for each request, and the same to repeat one.",
)
# In the order of the documentation. Modules of endpoints add theirs.
KINDS = [
    UNAUTHENTICATED,
    APPLICATION_DISABLED,
    NETWORK_NOT_ALLOWED,
    PERMISSION_MISSING,
    INVALID_REQUEST,
    KEY_REUSED,
]


def invalid(errors: Sequence[FieldError]) -> Problem:
    """Return the problem of a request with invalid parts."""
    where = ", ".join(dict.fromkeys(one.pointer or one.parameter or one.header or "" for one in errors))
    return INVALID_REQUEST.problem(f"Not valid: {where}.", errors)
