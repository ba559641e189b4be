"""The hooks that a plugin can implement."""

from collections.abc import Mapping

import pluggy

from webapp.providers.diagnosis import Diagnosis, Failure
from webapp.providers.provider import Provider

PROJECT = "mailroom"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """All hooks. Mailroom does not start with a plugin that implements any other."""

    @hookspec
    def register_smtp_provider(self) -> Provider:  # type: ignore[empty-body]
        """Return the provider that this plugin adds."""

    @hookspec(firstresult=True)
    def explain_failure(self, provider: str, failure: Failure, settings: Mapping[str, str]) -> Diagnosis | None:
        """Return what a failure of `provider` means, if its diagnosis rules cannot tell."""

    @hookspec
    def check_mail_server(self, provider: str, settings: Mapping[str, str]) -> Diagnosis | None:
        """Return what is wrong with a mail server of `provider` although a check shows that it accepts email."""
