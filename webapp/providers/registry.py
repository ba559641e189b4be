"""Finds, loads and orders the provider plugins.

Mailroom does not start with an invalid plugin (one that does not import, misspells a hook, repeats a
key or declares what `validation` doesn't allow), because its author or operator is there to read the reason.
A plugin that raises an exception when it is called loses only its own provider, with a message that names it.
"""

import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import cast

import pluggy
from flask import Flask, current_app
from wtforms import Form

from webapp.core import i18n
from webapp.core.deadlines import Deadline, Stopped
from webapp.providers import Diagnosis, Failure, Provider, guard
from webapp.providers.guard import PluginFailed
from webapp.providers.hookspecs import PROJECT, Hooks
from webapp.providers.validation import InvalidValue, check_diagnosis, check_provider

ENTRY_POINTS = "mailroom.providers"
EXTENSION = "mailroom.providers"
LAST = "custom"
# Importing a plugin's libraries may take a while on a slow disk.
IMPORT_SECONDS = 60.0


class InvalidPlugin(Exception):
    """A file is not a valid provider plugin; the text names the file and the problem."""


class UnknownProvider(LookupError):
    """No plugin adds this provider, or no longer."""


@dataclass(frozen=True)
class FailedPlugin:
    """A plugin that raised an exception instead of returning its provider."""

    file: str
    error: str


class ProviderRegistry:
    """All providers, and the plugins that failed."""

    def __init__(self, manager: pluggy.PluginManager, reserved: Iterable[str] = ()) -> None:
        self._manager = manager
        self._reserved = frozenset(reserved)
        self._providers: dict[str, Provider] = {}
        self.failed: list[FailedPlugin] = []
        for implementation in manager.hook.register_smtp_provider.get_hookimpls():
            self._add(_file_of(implementation.plugin), implementation.function)

    def __iter__(self) -> Iterator[Provider]:
        """Iterate in the order of labels, with the provider for any other server last."""
        return iter(sorted(self._providers.values(), key=lambda p: (p.key == LAST, str(p.label).casefold())))

    def __getitem__(self, key: str) -> Provider:
        """Return the provider with this key. Raises UnknownProvider."""
        try:
            return self._providers[key]
        except KeyError:
            raise UnknownProvider(key) from None

    def get(self, key: str) -> Provider | None:
        """Return the provider with this key, if there is one."""
        return self._providers.get(key)

    def label(self, key: str) -> str:
        """Return what a provider is called; its key if its plugin is missing."""
        return str(self[key].label) if key in self else key

    def name(self, key: str) -> str:
        """Return what a provider is called in the default language, for what is stored."""
        with i18n.use_language(i18n.DEFAULT):
            return self.label(key)

    @property
    def default(self) -> Provider:
        """The provider that a new form starts with: the one for any server, else the first."""
        return self._providers.get(LAST) or next(iter(self))

    def __contains__(self, key: object) -> bool:
        return key in self._providers

    def diagnose(self, provider: Provider, failure: Failure, settings: Mapping[str, str]) -> Diagnosis | None:
        """Return the diagnosis by the provider's own rules, else by any plugin's hook."""
        if (diagnosis := provider.diagnose(failure, settings.get("authentication", ""))) is not None:
            return diagnosis
        given = {"provider": provider.key, "failure": failure, "settings": settings}
        return next(self._answers(self._manager.hook.explain_failure, provider, given, Deadline()), None)

    def check(self, provider: Provider, settings: Mapping[str, str], deadline: Deadline) -> list[Diagnosis]:
        """Return what plugins find wrong with a mail server that accepts email, as far as there is time."""
        given = {"provider": provider.key, "settings": settings}
        return list(self._answers(self._manager.hook.check_mail_server, provider, given, deadline))

    def _answers(
        self, hook: pluggy.HookCaller, provider: Provider, given: Mapping[str, object], deadline: Deadline
    ) -> Iterator[Diagnosis]:
        for implementation in reversed(hook.get_hookimpls()):
            wanted = {name: given[name] for name in implementation.argnames}
            explain = partial(_explanation, provider, implementation.function, wanted)
            with suppress(PluginFailed, TimeoutError, Stopped):
                answer = guard.run(_file_of(implementation.plugin), explain, deadline.left(guard.SECONDS))
                if answer is not None:
                    yield answer

    def _add(self, file: str, register: Callable[[], object]) -> None:
        try:
            provider = _registered(file, register)
            guard.run(file, partial(check_provider, provider, self._reserved), passing=(InvalidValue,))
            guard.run(file, partial(_try_fields, provider))
        except PluginFailed as error:
            self.failed.append(FailedPlugin(file, _reason(error)))
            return
        except InvalidValue as error:
            raise InvalidPlugin(f"{file}: provider {provider.key!r}: {error}") from error
        if provider.key in self._providers:
            raise InvalidPlugin(f"{file}: another plugin already adds the provider {provider.key!r}.")
        self._providers[provider.key] = provider


def _explanation(provider: Provider, explain: Callable[..., object], wanted: Mapping[str, object]) -> Diagnosis | None:
    """Return what a hook answers. Raises InvalidValue if that is no diagnosis."""
    answer = explain(**wanted)
    return None if answer is None else check_diagnosis(answer, provider)


def _registered(file: str, register: Callable[[], object]) -> Provider:
    """Return the provider that a hook registers. Raises InvalidPlugin or PluginFailed."""
    try:
        provider = guard.run(file, register, passing=(TypeError,))
    except TypeError as error:
        # Such as a Provider without a key, or with an argument that there isn't.
        raise InvalidPlugin(f"{file}: register_smtp_provider: {error}.") from error
    if not isinstance(provider, Provider):
        raise InvalidPlugin(f"{file}: register_smtp_provider returns {provider!r}. Allowed: a Provider.")
    return provider


def init_app(app: Flask, plugin_dirs: Sequence[Path], reserved: Iterable[str] = ()) -> None:
    """Load the provider plugins. Raises InvalidPlugin."""
    app.extensions[EXTENSION] = load_providers(plugin_dirs, reserved)


def get_providers() -> ProviderRegistry:
    """Return the providers of the current application."""
    return cast(ProviderRegistry, current_app.extensions[EXTENSION])


def load_providers(folders: Sequence[Path], reserved: Iterable[str] = ()) -> ProviderRegistry:
    """Load the providers from installed packages and the operator's folders.

    `reserved` are the field names that the application itself uses. Raises InvalidPlugin.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    for entry in _installed_plugins():
        _register(manager, _run_import(entry.value, entry.load))
    for path in (path for folder in folders for path in _plugin_files(folder)):
        _register(manager, _import(path))
    return ProviderRegistry(manager, reserved)


@cache
def _installed_plugins() -> Sequence[EntryPoint]:
    """Find the plugins of installed packages. It reads the metadata of all of them, so do it once per process."""
    return sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name)


def _plugin_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InvalidPlugin(f"{folder}: there is no such folder (MAILROOM_PLUGIN_DIR).")
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def _import(path: Path) -> ModuleType:
    name = "mailroom_plugin_" + re.sub(r"\W", "_", path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidPlugin(f"{path}: is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _run_import(str(path), partial(spec.loader.exec_module, module))
    return module


def _run_import(file: str, load: Callable[[], object]) -> object:
    try:
        return guard.run(file, load, IMPORT_SECONDS)
    except PluginFailed as error:
        raise InvalidPlugin(f"{file}: does not import ({_reason(error)}).") from error


def _reason(error: PluginFailed) -> str:
    """Return the type and the message of what a plugin raised when it was loaded, before it knew any secret."""
    return traceback.format_exception_only(error.__cause__)[-1].strip() if error.__cause__ else str(error)


def _register(manager: pluggy.PluginManager, plugin: object) -> None:
    file = _file_of(plugin)
    try:
        manager.register(plugin)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        raise InvalidPlugin(f"{file}: {error}") from error
    if not manager.get_hookcallers(plugin):
        raise InvalidPlugin(f"{file}: implements no hook; is @hookimpl missing?")


def _try_fields(provider: Provider) -> None:
    """Build and render the provider's fields once, so that any exception is raised now."""
    form = type("Fields", (Form,), dict(provider.fields))()
    for bound in form:
        str(bound())


def _file_of(plugin: object) -> str:
    return str(getattr(plugin, "__file__", None) or plugin)
