"""The hooks a plugin can answer: a name, typed arguments, one sentence each."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from webapp.providers import Diagnosis, Failure, Provider

PROJECT = "mailroom"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """Every hook there is; start-up refuses a plugin that answers another one."""

    @hookspec
    def register_smtp_provider(self) -> "Provider | None":
        """Return the provider that this plugin brings."""

    @hookspec(firstresult=True)
    def explain_failure(self, provider: str, failure: "Failure", settings: Mapping[str, str]) -> "Diagnosis | None":
        """Return what a failure of `provider` means, where its own list of explanations cannot tell."""
