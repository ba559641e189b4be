"""Errors that users see. `web.error_pages` turns each into a page."""

from collections.abc import Iterable


class MailroomError(Exception):
    """An error that a user gets to see."""

    # Names the error where it is stored, as in the audit trail.
    code: str = ""


class TooManyRequests(MailroomError):
    """A rate limit is exhausted; `retry_after` is in seconds."""

    # Whether the audit trail records it elsewhere.
    is_audited = False

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"try again in {retry_after} seconds")
        self.retry_after = retry_after


class Overloaded(MailroomError):
    """There is more to do at the moment than can be done; nothing was changed."""


class StaleVersion(MailroomError):
    """Someone else saved the settings after the form was shown; `current` is their version now."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the settings are at version {current}")
        self.current = current


class SetInFile(MailroomError):
    """The settings file sets these fields, so they are changed there and nowhere else."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields = sorted(fields)
        super().__init__(f"The settings file sets {', '.join(self.fields)}: change it there.")


class NotFound(MailroomError):
    """What the URL refers to does not exist, or no longer."""


class Forbidden(MailroomError):
    """The user is not allowed to do this, or no longer."""
