"""What is told of a link that did not do what it was for, beside the reason: a status, and what helps."""

from webapp.accounts.links.service import LinkExpired, LinkNotFound, LinkReplaced, LinkUsed
from webapp.accounts.models import LinkPurpose
from webapp.accounts.password_links.service import AccountDisabled, AlreadyActive
from webapp.accounts.service import AddressTaken
from webapp.core.errors import MailroomError


def http_status(refused: MailroomError) -> int:
    """The HTTP status of the page that says so."""
    if isinstance(refused, LinkNotFound):
        return 404
    return 409 if isinstance(refused, AddressTaken | LinkReplaced) else 410


def next_step(purpose: LinkPurpose, refused: MailroomError) -> str:
    """What helps when a link was refused: a step that the page knows or, if nothing does, empty."""
    if isinstance(refused, AccountDisabled | LinkReplaced):
        return ""
    if isinstance(refused, AddressTaken):
        return "taken"
    if purpose == LinkPurpose.RESTORE_ADDRESS and isinstance(refused, LinkUsed):
        # It left no password to sign in with.
        return "forgot_password"
    if purpose in (LinkPurpose.CONFIRM_ADDRESS, LinkPurpose.RESTORE_ADDRESS):
        return "profile"
    if isinstance(refused, LinkUsed | AlreadyActive):
        return "sign_in"
    if purpose == LinkPurpose.RESET or isinstance(refused, LinkNotFound):
        return "forgot_password"
    return "again" if isinstance(refused, LinkExpired) else "sign_in"
