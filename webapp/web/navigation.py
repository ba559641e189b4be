"""What packages add to shared pages: entries of the bar, tabs of the settings, and panels on other packages' pages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from flask import Flask, current_app, request, url_for
from flask_babel.speaklater import LazyString
from markupsafe import Markup

EXTENSION = "mailroom navigation"

# The top of every page of administrators, Home, the mail server page, and below the form to sign in.
Slot = Literal["page", "home", "mail_server", "login"]


@dataclass(frozen=True)
class NavigationEntry:
    """One link in the administrators' bar."""

    label: LazyString
    endpoint: str
    order: int

    @property
    def is_current(self) -> bool:
        """Whether the page belongs to this entry: their URLs begin with the same segment."""
        return _first_segment(request.path) == _first_segment(_path_of(self.endpoint))


@dataclass(frozen=True)
class SettingsTab:
    """One tab of the settings."""

    label: LazyString
    endpoint: str
    order: int

    @property
    def is_current(self) -> bool:
        """Whether the page belongs to this tab: its URL is the tab's or lies below it."""
        return f"{request.path}/".startswith(f"{_path_of(self.endpoint)}/")


@dataclass(frozen=True)
class Panel:
    """HTML that one package shows on pages of another; `render` gives it, or "" for nothing."""

    slot: Slot
    order: int
    render: Callable[[], str]


Item = NavigationEntry | SettingsTab | Panel


def register(app: Flask, *items: Item) -> None:
    """Add these to the application's pages. Items of one kind are shown by their `order`."""
    registered = app.extensions.setdefault(EXTENSION, [])
    registered.extend(items)
    registered.sort(key=lambda item: item.order)


def navigation_entries() -> list[NavigationEntry]:
    """The links in the bar."""
    return [item for item in _registered() if isinstance(item, NavigationEntry)]


def settings_tabs() -> list[SettingsTab]:
    """The tabs of the settings."""
    return [item for item in _registered() if isinstance(item, SettingsTab)]


def panels(slot: Slot) -> Markup:
    """The HTML of all panels in this slot."""
    chosen = [item for item in _registered() if isinstance(item, Panel) and item.slot == slot]
    return Markup("").join(Markup(panel.render()) for panel in chosen)  # noqa: S704 -- rendered templates


def _registered() -> list[Item]:
    return cast(list[Item], current_app.extensions.get(EXTENSION, []))


def _path_of(endpoint: str) -> str:
    return url_for(endpoint).removeprefix(request.script_root)


def _first_segment(path: str) -> str:
    return path.strip("/").partition("/")[0]
