"""Why an email or a client is refused, as the reply says it."""

from collections.abc import Sequence

from webapp.core.errors import MailroomError, TooManyRequests
from webapp.outbox.submissions.senders import SenderNotAllowed
from webapp.outbox.submissions.service import HourlyLimitReached, MayNotSend
from webapp.submission.replies import Refusal

# Of a reply line, whose limit is 512 bytes.
MAX_NAMED = 300
# Characters of an address that is quoted.
MAX_REFUSED = 80


def of(error: MailroomError) -> Refusal:
    """Return the refusal for an error of `outbox.submissions`."""
    if isinstance(error, SenderNotAllowed):
        return sender(error)
    if isinstance(error, HourlyLimitReached):
        return hourly(error)
    if isinstance(error, MayNotSend):
        return may_not_send("550")
    return Refusal("content", f"554 5.6.0 {error}")


def sender(error: SenderNotAllowed) -> Refusal:
    """Return the refusal of a sender, which names it and the allowed ones: it may be that of a header."""
    if not error.allowed:
        return Refusal("sender", "451 4.3.5 No mail server is set up in Mailroom yet")
    refused = error.sender if error.sender.isprintable() and len(error.sender) <= MAX_REFUSED else "this sender"
    text = f"This application may not send from {refused}, only from: {_named(error.allowed)}"
    return Refusal("sender", f"550 5.7.1 {text}")


def hourly(error: HourlyLimitReached) -> Refusal:
    """Return the refusal of an email that is over the hourly limit, which says how many recipients would fit.

    It is permanent if the email would never fit: the client would try again for days.
    """
    if error.never_fits:
        return Refusal(
            "hourly_limit", f"550 5.7.1 This application may send to {error.limit} recipients an hour; send to fewer"
        )
    fit = f"{error.left} of {error.limit} recipients an hour are left"
    return Refusal("hourly_limit", f"452 4.7.1 {fit}; try again in {_time(error)}")


def may_not_send(code: str) -> Refusal:
    """Return the refusal, with this code, of an application without the permission to send."""
    return Refusal(
        "permission", f"{code} 5.7.1 This application may not send email; allow it under Settings, Applications"
    )


def disabled() -> Refusal:
    """Return the refusal of an application that was disabled or deleted."""
    return Refusal("disabled", "550 5.7.13 This application is disabled")


def guessing(error: TooManyRequests) -> Refusal:
    """Return the refusal to check a secret."""
    return Refusal("guessing", f"454 4.7.0 Too many wrong secrets from your network; try again in {_time(error)}")


def _named(allowed: Sequence[str]) -> str:
    named = ", ".join(one if "@" in one else f"@{one}" for one in allowed)
    return named if len(named.encode()) <= MAX_NAMED else f"{named.encode()[:MAX_NAMED].decode(errors='ignore')}…"


def _time(error: TooManyRequests) -> str:
    return f"{error.retry_after} seconds" if error.retry_after < 120 else f"{error.retry_after // 60 + 1} minutes"
