"""Failures as types. Each becomes a page in one place, `webapp.web.error_pages`."""


class MailroomError(Exception):
    """A failure that a person is told about."""


class TooManyRequests(MailroomError):
    """A limit is used up; `retry_after` is in seconds."""

    # Whether the audit trail records it elsewhere.
    is_audited = False

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"try again in {retry_after} seconds")
        self.retry_after = retry_after


class StaleVersion(MailroomError):
    """The settings were saved by someone else after the form was shown; `current` is their version by now."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the settings are at version {current}")
        self.current = current


class NotFound(MailroomError):
    """What the address names does not exist, or no longer."""


class Forbidden(MailroomError):
    """The person who asked may not do this, or no longer."""
