"""The forms on a page, as a browser without JavaScript sees them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from werkzeug.datastructures import MultiDict

NO_TEXT = frozenset({"submit", "button", "image", "reset", "file"})


@dataclass
class Form:
    """One form: its action, and the values it would submit unchanged."""

    action: str = ""
    values: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    # The values that checkboxes submit when they are ticked.
    checkboxes: dict[str, str] = field(default_factory=dict)
    # By name and by value.
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)

    def fill(self, values: "MultiDict[str, str]", name: str, value: Any) -> None:
        """Put what somebody enters, ticks or chooses into `values`."""
        values.poplist(name)
        if name in self.checkboxes and isinstance(value, bool):
            value = self.checkboxes[name] if value else None
        if value is not None:
            values.setlist(name, value if isinstance(value, list) else [str(value)])


class _Reader(HTMLParser):
    """Collects forms; controls outside a form refer to it with the attribute `form`."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._by_id: dict[str, Form] = {}
        self._current: Form | None = None
        self._outside: list[tuple[str, dict[str, str], str]] = []
        self._select: dict[str, str] | None = None
        self._options: list[tuple[str, bool]] = []
        self._textarea: dict[str, str] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._current = Form(attributes.get("action", ""))
            self.forms.append(self._current)
            self._by_id[attributes.get("id", "")] = self._current
        elif tag == "select":
            self._select, self._options = attributes, []
        elif tag == "option":
            self._options.append((attributes.get("value", ""), "selected" in attributes))
        elif tag == "textarea":
            self._textarea, self._text = attributes, ""
        elif tag in ("input", "button"):
            self._control(tag, attributes, attributes.get("value", ""))

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
        """Add controls outside their form to it."""
        super().close()
        for tag, attributes, value in self._outside:
            _add(self._by_id[attributes["form"]], tag, attributes, value)

    def _control(self, tag: str, attributes: dict[str, str], value: str) -> None:
        if "form" in attributes:
            self._outside.append((tag, attributes, value))
        elif self._current is not None:
            _add(self._current, tag, attributes, value)


def forms_of(page: str) -> list[Form]:
    """List the forms on a page, in order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.forms


def _add(form: Form, tag: str, attributes: dict[str, str], value: str) -> None:
    kind = attributes.get("type", "submit" if tag == "button" else "text").lower()
    name = attributes.get("name", "")
    if "disabled" in attributes or not name:
        return
    if tag in ("input", "button") and kind in NO_TEXT:
        form.buttons.setdefault(name, (name, value))
        form.buttons.setdefault(value, (name, value))
        return
    form.names.add(name)
    if kind in ("checkbox", "radio") and tag == "input":
        if kind == "checkbox":
            form.checkboxes[name] = value or "on"
        if "checked" in attributes:
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
    """List inline scripts, styles and event handlers of a page."""
    reader = _CodeReader()
    reader.feed(page)
    reader.close()
    return reader.found
