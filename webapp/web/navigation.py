"""What packages add to shared pages: links in the bar, tabs of the settings, panels on pages of other packages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import structlog
from flask import Flask, current_app, request, url_for
from flask_babel.speaklater import LazyString
from markupsafe import Markup

EXTENSION = "mailroom navigation"
log = structlog.get_logger(__name__)

# The top of every page of administrators, Home, the mail server page, below the login form, and the page of an
# application, whose id is in the URL.
Slot = Literal["page", "home", "mail_server", "login", "application"]


@dataclass(frozen=True)
class NavigationEntry:
    """A link in the administrators' bar. It is the current one on all pages whose path begins like its own."""

    label: LazyString
    endpoint: str
    order: int


@dataclass(frozen=True)
class SettingsTab:
    """A tab of the settings. It is the current one on its own page, on that of `also`, and on those below both."""

    label: LazyString
    endpoint: str
    order: int
    also: str = ""


@dataclass(frozen=True)
class Panel:
    """HTML that one package shows on pages of another; `render` returns it, or "" for nothing."""

    slot: Slot
    order: int
    render: Callable[[], str]


Item = NavigationEntry | SettingsTab | Panel


class NavigationLink(NamedTuple):
    """A navigation entry or a tab, as a template shows it."""

    label: LazyString
    url: str
    is_current: bool


def register(app: Flask, *items: Item) -> None:
    """Add items to the application's pages. Those of one kind are shown by their `order`."""
    registered = app.extensions.setdefault(EXTENSION, [])
    registered.extend(items)
    registered.sort(key=lambda item: item.order)


def navigation_entries() -> list[NavigationLink]:
    """Return the links in the bar."""
    here = _first_segment(request.path)
    entries = [(item, url_for(item.endpoint)) for item in _registered() if isinstance(item, NavigationEntry)]
    return [NavigationLink(entry.label, url, _first_segment(_path(url)) == here) for entry, url in entries]


def settings_tabs() -> list[NavigationLink]:
    """Return the tabs of the settings."""
    tabs = [item for item in _registered() if isinstance(item, SettingsTab)]
    return [NavigationLink(tab.label, url_for(tab.endpoint), _is_current(tab)) for tab in tabs]


def panels(slot: Slot) -> Markup:
    """Return the HTML of all panels in this slot."""
    chosen = [item for item in _registered() if isinstance(item, Panel) and item.slot == slot]
    return Markup("").join(Markup(_rendered(panel)) for panel in chosen)  # noqa: S704 -- rendered templates


def _rendered(panel: Panel) -> str:
    """Return the HTML of a panel. The error page has those of every page, too, and the database may be what failed."""
    try:
        return panel.render()
    except Exception:
        if panel.slot != "page":
            raise
        log.exception("panel cannot be shown", panel=panel.render.__name__)
        return ""


def _is_current(tab: SettingsTab) -> bool:
    urls = [_path(url_for(endpoint)) for endpoint in (tab.endpoint, tab.also) if endpoint]
    return any(f"{request.path}/".startswith(f"{url}/") for url in urls)


def _registered() -> list[Item]:
    return cast(list[Item], current_app.extensions.get(EXTENSION, []))


def _path(url: str) -> str:
    return url.removeprefix(request.script_root)


def _first_segment(path: str) -> str:
    return path.split("/")[1]
