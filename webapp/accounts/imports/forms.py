"""The forms of an import: the file, and how it is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from wtforms import BooleanField, Field, FileField, SelectChoice, SelectField, ValidationError
from wtforms.widgets import TextArea

from webapp.accounts.imports import formats
from webapp.accounts.imports.columns import FIELDS
from webapp.accounts.imports.options import Options
from webapp.accounts.imports.service import PART_SIZE
from webapp.accounts.models import Role
from webapp.accounts.users.forms import ROLES
from webapp.web.forms import Form

# Of what a list shows of a column's first cell, in characters.
MAX_CELL_LENGTH = 30
ACCEPTED = ".csv,.tsv,.txt,text/csv,text/plain"


class PastedField(Field):
    """Lines of text: as many and with any characters, like those of a file."""

    widget = TextArea()

    def _value(self) -> str:
        return ""


class UploadForm(Form):
    """A file, or its lines."""

    file = FileField(lazy("CSV file"), render_kw={"accept": ACCEPTED})
    pasted = PastedField(lazy("Or paste the lines"), render_kw={"rows": 6, "spellcheck": "false", "dir": "auto"})

    def validate_file(self, field: Field) -> None:
        """Require one of the two."""
        if not self.file_name and not self.pasted.data:
            raise ValidationError(_("Choose a file, or paste its lines."))

    @property
    def file_name(self) -> str:
        """The name of the file; empty if none was chosen."""
        sent = request.files.get("file")
        return (sent.filename or "") if sent else ""

    def parts(self) -> Iterator[bytes]:
        """Yield the bytes of the file or of the text."""
        if not self.file_name:
            lines = str(self.pasted.data).encode()
            yield from (lines[start : start + PART_SIZE] for start in range(0, len(lines), PART_SIZE))
            return
        while part := request.files["file"].stream.read(PART_SIZE):
            yield part


def _choices(labels: Mapping[str, Any]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in labels.items()]


def _column(field: str) -> SelectField:
    return SelectField(cast(str, FIELDS[field]), coerce=int)


class OptionsForm(Form):
    """How a file is read, what its columns are, and what is done with the people in it."""

    separator = SelectField(lazy("Separator"), choices=_choices(formats.SEPARATOR_LABELS))
    encoding = SelectField(lazy("Encoding"), choices=_choices(formats.ENCODINGS))
    header = BooleanField(lazy("The first line names the columns"))
    column_email = _column("email")
    column_name = _column("name")
    column_first_name = _column("first_name")
    column_last_name = _column("last_name")
    column_role = _column("role")
    column_language = _column("language")
    role = SelectField(lazy("Role of people without one in the file"), choices=ROLES)
    send_activation = BooleanField(lazy("Send each of them an activation email"))

    @classmethod
    def showing(cls, options: Options, first_row: Sequence[str], posted: bool) -> "OptionsForm":
        """Return the form with these options, or with what was posted; `first_row` names the columns in its lists."""
        values: dict[str, Any] = {f"column_{field}": options.columns.get(field, -1) for field in FIELDS}
        values |= {name: getattr(options, name) for name in ("separator", "encoding", "header", "role")}
        source = {} if posted else {"formdata": None}
        form = cls(**source, **values, send_activation=options.send_activation)
        labels = [(str(index), _column_label(index, cell)) for index, cell in enumerate(first_row)]
        choices = _choices(dict([("-1", _("(none)")), *labels]))
        for field in FIELDS:
            form[f"column_{field}"].choices = choices
        return form

    @property
    def column_fields(self) -> list[Field]:
        """The fields that say which column is which."""
        return [self[f"column_{field}"] for field in FIELDS]

    def to_options(self, options: Options) -> Options:
        """Return these options with what was chosen."""
        chosen = {field: self[f"column_{field}"].data for field in FIELDS}
        return replace(
            options,
            separator=self.separator.data,
            encoding=self.encoding.data,
            header=self.header.data,
            columns={field: index for field, index in chosen.items() if index >= 0},
            role=Role(self.role.data),
            send_activation=self.send_activation.data,
        )


def _column_label(index: int, cell: str) -> str:
    shown = cell.strip()
    shown = shown if len(shown) <= MAX_CELL_LENGTH else f"{shown[:MAX_CELL_LENGTH]}…"
    return _("Column %(number)s: %(content)s", number=index + 1, content=shown)
