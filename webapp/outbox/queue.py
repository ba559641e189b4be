"""The queue: a wake-up for the worker, and nothing more. The rows of the outbox are the truth."""


class Queue:
    """Wakes the worker."""

    def __init__(self, url: str) -> None:
        self.url = url

    def wake(self) -> None:
        """Tell the worker that something is owed."""
