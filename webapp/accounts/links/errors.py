"""Why a link does not do what it is for, and what the page that says so offers next."""

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from webapp.accounts.models import LinkPurpose
from webapp.accounts.service import AddressTaken
from webapp.core.errors import MailroomError


class LinkRefused(MailroomError):
    """The link, or the account it belongs to, does not allow what the link is for."""

    text: LazyString
    # Of the page that shows the text.
    status = 410

    def __init__(self) -> None:
        super().__init__(self.text)


class LinkNotFound(LinkRefused):
    """There is no such link, or its user was deleted."""

    code, status = "not_found", 404
    text = _("We don't recognize this link. It may be incomplete or too old.")


class LinkUsed(LinkRefused):
    """The link was used before."""

    code = "used"
    text = _("This link has already been used.")


class LinkRevoked(LinkRefused):
    """Another link or a change of the account made this one invalid."""

    code = "revoked"
    text = _("This link is no longer valid because another one was used or the account has changed since.")


class LinkReplaced(LinkRefused):
    """The page showed another link than the one opened last in this browser."""

    code, status = "replaced", 409
    text = _("Another link has since been opened in this browser, so nothing was changed. Open the first link again.")


class LinkExpired(LinkRefused):
    """The link was not used in time."""

    code = "expired"
    text = _("This link has expired.")


class AlreadyActive(LinkRefused):
    """The account was activated before."""

    code = "already_active"
    text = _("This account is already active.")


class NotActive(LinkRefused):
    """The account was not activated yet, so there is no password to reset."""

    code = "not_active"
    text = _("This account hasn't been activated yet.")


class AccountDisabled(LinkRefused):
    """An administrator disabled the account."""

    code = "account_disabled"
    text = _("This account is disabled. Only an administrator can enable it.")


def next_step(purpose: LinkPurpose, error: LinkRefused | AddressTaken) -> str:
    """Return the step that the template accounts/link_refused.html offers; empty if nothing helps."""
    if isinstance(error, AccountDisabled | LinkReplaced):
        return ""
    if isinstance(error, AddressTaken):
        return "taken"
    if purpose == LinkPurpose.RESTORE_ADDRESS and isinstance(error, LinkUsed):
        # Restoring the address removed the password, so signing in is not possible.
        return "forgot_password"
    if purpose in (LinkPurpose.CONFIRM_ADDRESS, LinkPurpose.RESTORE_ADDRESS):
        return "profile"
    if isinstance(error, LinkUsed | AlreadyActive):
        return "sign_in"
    if purpose == LinkPurpose.RESET or isinstance(error, LinkNotFound):
        return "forgot_password"
    return "again" if isinstance(error, LinkExpired) else "sign_in"
