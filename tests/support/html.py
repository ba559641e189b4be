"""The forms on a page, as a browser without JavaScript sees them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from werkzeug.datastructures import MultiDict

NO_TEXT = frozenset({"submit", "button", "image", "reset", "file"})


@dataclass
class Form:
    """One form: where it goes, and what it would send untouched."""

    action: str = ""
    values: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    # Checkboxes: what is sent when ticked.
    ticks: dict[str, str] = field(default_factory=dict)
    # By name and by value.
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)

    def fill(self, values: "MultiDict[str, str]", name: str, value: Any) -> None:
        """Put what a person types, ticks or chooses into `values`."""
        values.poplist(name)
        if name in self.ticks and isinstance(value, bool):
            value = self.ticks[name] if value else None
        if value is not None:
            values.setlist(name, value if isinstance(value, list) else [str(value)])


class _Reader(HTMLParser):
    """Collects forms; controls outside name theirs with the attribute `form`."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._by_id: dict[str, Form] = {}
        self._current: Form | None = None
        self._late: list[tuple[str, dict[str, str], str]] = []
        self._select: dict[str, str] | None = None
        self._options: list[tuple[str, bool]] = []
        self._textarea: dict[str, str] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._current = Form(given.get("action", ""))
            self.forms.append(self._current)
            self._by_id[given.get("id", "")] = self._current
        elif tag == "select":
            self._select, self._options = given, []
        elif tag == "option":
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self._textarea, self._text = given, ""
        elif tag in ("input", "button"):
            self._control(tag, given, given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._current = None
        elif tag == "select" and self._select is not None:
            chosen = [value for value, selected in self._options if selected] or [v for v, _ in self._options[:1]]
            self._control("select", self._select, chosen[0] if chosen else "")
            self._select = None
        elif tag == "textarea" and self._textarea is not None:
            self._control("textarea", self._textarea, self._text.removeprefix("\n"))
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._text += data

    def close(self) -> None:
        """Give controls outside of their form to it."""
        super().close()
        for tag, given, value in self._late:
            _add(self._by_id[given["form"]], tag, given, value)

    def _control(self, tag: str, given: dict[str, str], value: str) -> None:
        if "form" in given:
            self._late.append((tag, given, value))
        elif self._current is not None:
            _add(self._current, tag, given, value)


def forms_of(page: str) -> list[Form]:
    """Every form on the page, in order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.forms


def _add(form: Form, tag: str, given: dict[str, str], value: str) -> None:
    kind = given.get("type", "submit" if tag == "button" else "text").lower()
    name = given.get("name", "")
    if "disabled" in given or not name:
        return
    if tag in ("input", "button") and kind in NO_TEXT:
        form.buttons.setdefault(name, (name, value))
        form.buttons.setdefault(value, (name, value))
        return
    form.names.add(name)
    if kind in ("checkbox", "radio") and tag == "input":
        if kind == "checkbox":
            form.ticks[name] = value or "on"
        if "checked" in given:
            form.values.append((name, value or "on"))
        return
    form.values.append((name, value))


class _CodeReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]


def inline_code(page: str) -> list[str]:
    """The scripts, styles and event handlers written into the page itself."""
    reader = _CodeReader()
    reader.feed(page)
    reader.close()
    return reader.found
