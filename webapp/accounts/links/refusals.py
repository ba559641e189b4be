"""What is told of a link that did not do what it was for, beside the reason: a status, and what helps."""

from webapp.accounts.links.password_links import AccountDisabled, AlreadyActive
from webapp.accounts.links.service import LinkExpired, LinkUnknown, LinkUsed, OtherLink
from webapp.accounts.models import Purpose
from webapp.accounts.service import AddressTaken
from webapp.errors import Failure


def status(refused: Failure) -> int:
    """The HTTP status of the page that says so."""
    if isinstance(refused, LinkUnknown):
        return 404
    return 409 if isinstance(refused, AddressTaken | OtherLink) else 410


def next_step(purpose: Purpose, refused: Failure) -> str:
    """What helps when a link was refused: a step that the page knows or, if nothing does, empty."""
    if isinstance(refused, AccountDisabled | OtherLink):
        return ""
    if isinstance(refused, AddressTaken):
        return "taken"
    if purpose == Purpose.RESTORE_ADDRESS and isinstance(refused, LinkUsed):
        # It left no password to sign in with.
        return "forgot_password"
    if purpose in (Purpose.CONFIRM_ADDRESS, Purpose.RESTORE_ADDRESS):
        return "profile"
    if isinstance(refused, LinkUsed | AlreadyActive):
        return "sign_in"
    if purpose == Purpose.RESET or isinstance(refused, LinkUnknown):
        return "forgot_password"
    return "again" if isinstance(refused, LinkExpired) else "sign_in"
