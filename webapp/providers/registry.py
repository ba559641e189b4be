"""Finds, checks and orders the provider plugins.

Mailroom does not start with an invalid plugin (one that does not import, misspells a hook, repeats a
key or returns something else), because its author or operator is there to read the reason. A plugin
that raises an exception when it is called loses only its own provider, with a message that names it.
"""

import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import cast

import pluggy
import structlog
from flask import Flask, current_app
from wtforms import Form, PasswordField
from wtforms.fields.core import UnboundField

from webapp.providers import Authentication, Diagnosis, Failure, OAuth2, Provider
from webapp.providers.hookspecs import PROJECT, Hooks

ENTRY_POINTS = "mailroom.providers"
EXTENSION = "mailroom.providers"
LAST = "custom"
# It is shown on cards and in the outbox.
MAX_LABEL_LENGTH = 60

log = structlog.get_logger(__name__)


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

    @property
    def default(self) -> Provider:
        """The provider that a new form starts with: the one for any server, else the first."""
        return self._providers.get(LAST) or next(iter(self))

    def __contains__(self, key: object) -> bool:
        return key in self._providers

    def diagnose(self, provider: Provider, failure: Failure, settings: Mapping[str, str]) -> Diagnosis | None:
        """Return the diagnosis by the provider's own rules, else by any plugin's hook."""
        try:
            if (diagnosis := provider.diagnose(failure, settings.get("authentication", ""))) is not None:
                return diagnosis
            answer = self._manager.hook.explain_failure(provider=provider.key, failure=failure, settings=settings)
        except Exception:
            log.exception("plugin failed to diagnose", provider=provider.key)
            return None
        return answer if isinstance(answer, Diagnosis) else None

    def _add(self, file: str, register: object) -> None:
        try:
            provider = register()  # type: ignore[operator]
            if isinstance(provider, Provider):
                str(provider.label)
                _try_fields(provider)
        except Exception as error:
            log.exception("plugin failed", file=file)
            self.failed.append(FailedPlugin(file, f"{type(error).__name__}: {error}"))
            return
        if provider is None:
            return
        try:
            self._check(file, provider)
        except (TypeError, AttributeError) as error:
            raise InvalidPlugin(f"{file}: its provider has a value of the wrong type ({error}).") from error
        self._providers[provider.key] = provider

    def _check(self, file: str, provider: object) -> None:
        if not isinstance(provider, Provider):
            raise InvalidPlugin(f"{file}: register_smtp_provider returns {provider!r}, not a Provider.")
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", provider.key):
            raise InvalidPlugin(f"{file}: the key {provider.key!r} is not made of a-z, 0-9, _ and -.")
        if provider.key in self._providers:
            raise InvalidPlugin(f"{file}: another plugin already adds the provider {provider.key!r}.")
        if len(str(provider.label)) > MAX_LABEL_LENGTH:
            raise InvalidPlugin(f"{file}: the label of {provider.key} has more than {MAX_LABEL_LENGTH} characters.")
        _check_authentication(file, provider)
        for name, unbound in provider.fields.items():
            if name in self._reserved or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                raise InvalidPlugin(f"{file}: {provider.key} cannot have a field named {name!r}.")
            if not isinstance(unbound, UnboundField):
                raise InvalidPlugin(f"{file}: the field {name!r} of {provider.key} is not a WTForms field.")


def _check_authentication(file: str, provider: Provider) -> None:
    methods = provider.authentication
    if not methods or not all(isinstance(one, Authentication) for one in methods):
        raise InvalidPlugin(f"{file}: {provider.key} declares no authentication.")
    for method in methods:
        if isinstance(method, OAuth2) and (problem := method.problem()):
            raise InvalidPlugin(f"{file}: {provider.key} {problem}.")


def init_app(app: Flask, plugin_dirs: Sequence[Path], reserved: Iterable[str] = ()) -> None:
    """Load the provider plugins. Raises InvalidPlugin."""
    app.extensions[EXTENSION] = load_providers(plugin_dirs, reserved)


def get_providers() -> ProviderRegistry:
    """Return the providers of the current application."""
    return cast(ProviderRegistry, current_app.extensions[EXTENSION])


def secret_fields(provider: Provider) -> frozenset[str]:
    """Return the names of the provider's own fields that contain secrets."""
    return frozenset(
        name for name, unbound in provider.fields.items() if issubclass(unbound.field_class, PasswordField)
    )


def load_providers(folders: Sequence[Path], reserved: Iterable[str] = ()) -> ProviderRegistry:
    """Load the providers from installed packages and the operator's folders.

    `reserved` are the field names that the application itself uses. Raises InvalidPlugin.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    for entry in _installed_plugins():
        try:
            plugin = entry.load()
        except Exception as error:
            raise InvalidPlugin(f"{entry.value}: does not import ({type(error).__name__}: {error}).") from error
        _register(manager, plugin)
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
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InvalidPlugin(f"{path}: does not import ({type(error).__name__}: {error}).") from error
    return module


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
