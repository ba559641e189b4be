"""The fixtures of revisions."""

from tests.mail.revisions.conftest import send, working

__all__ = ["send", "working"]
