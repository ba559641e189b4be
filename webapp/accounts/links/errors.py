"""Why a link does not do what it is for, and what the page that says so offers next."""

from flask_babel import lazy_gettext as _

from webapp.accounts.models import LinkPurpose
from webapp.accounts.service import AddressTaken
from webapp.core.errors import MailroomError


class LinkRefused(MailroomError):
    """The link is not valid, or no longer."""


class LinkNotFound(LinkRefused):
    """There is no such link, or its user was deleted."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__(_("This link is unknown. It may be incomplete or very old."))


class LinkUsed(LinkRefused):
    """The link was used before."""

    code = "used"

    def __init__(self) -> None:
        super().__init__(_("This link has already been used. If you just used it yourself, sign in."))


class LinkRevoked(LinkRefused):
    """Another link or a change of the account made this one invalid."""

    code = "revoked"

    def __init__(self) -> None:
        super().__init__(
            _("This link is no longer valid because another one was used or the account has changed since.")
        )


class LinkReplaced(LinkRefused):
    """The page showed another link than the one opened last in this browser."""

    code = "replaced"

    def __init__(self) -> None:
        super().__init__(
            _("Another link has since been opened in this browser, so nothing was changed. Open the first link again.")
        )


class LinkExpired(LinkRefused):
    """The link was not used in time."""

    code = "expired"

    def __init__(self) -> None:
        super().__init__(_("This link has expired."))


class WrongState(MailroomError):
    """The state of the account does not allow what the link is for."""


class AlreadyActive(WrongState):
    """The account was activated before."""

    code = "already_active"

    def __init__(self) -> None:
        super().__init__(_("This account is already active."))


class AccountDisabled(WrongState):
    """An administrator disabled the account."""

    code = "account_disabled"

    def __init__(self) -> None:
        super().__init__(_("This account is disabled. Only an administrator can enable it."))


def http_status(error: MailroomError) -> int:
    """Return the HTTP status of the page that shows the error."""
    if isinstance(error, LinkNotFound):
        return 404
    return 409 if isinstance(error, AddressTaken | LinkReplaced) else 410


def next_step(purpose: LinkPurpose, error: MailroomError) -> str:
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
