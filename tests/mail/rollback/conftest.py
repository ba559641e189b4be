"""The fixtures of revisions."""

from tests.mail.revisions.conftest import send, server, working

__all__ = ["send", "server", "working"]
