"""Find out what the columns of a file are: by their names in the usual languages, else by what they contain."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

from babel import Locale
from flask_babel import lazy_gettext as _

from webapp.accounts.models import Role
from webapp.core.i18n import LANGUAGES

# What a column can be, and how the page calls it.
FIELDS = {
    "email": _("Email address"),
    "name": _("Full name"),
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "role": _("Role"),
    "language": _("Language"),
}
# In lower case, without anything but letters; the accents count.
NAMES = {
    "email": "email mail address emailaddress mailaddress emailid adresse emailadresse mailadresse courriel adressemail"
    " adresseemail correo correoelectrónico correoelectronico direccióndecorreo електроннапошта електроннаадреса пошта"
    " البريدالإلكتروني البريدالالكتروني بريدإلكتروني",
    "name": "name fullname displayname username person vollername vollständigername anzeigename nom nomcomplet nombre"
    " nombrecompleto nombreyapellidos імя піб повнеімя الاسم الاسمالكامل",
    "first_name": "firstname givenname forename vorname rufname prénom prenom nombredepila الاسمالأول",
    "last_name": "lastname surname familyname nachname familienname zuname nomdefamille apellido apellidos прізвище"
    " اسمالعائلة اللقب",
    "role": "role rolle rôle rol роль الدور",
    "language": "language lang locale preferredlanguage sprache langue idioma lengua мова اللغة",
}
ROLES = {
    Role.MEMBER: "member user mitglied benutzer benutzerin nutzer membre utilisateur utilisatrice miembro usuario"
    " usuaria учасник учасниця користувач користувачка عضو مستخدم",
    Role.ADMINISTRATOR: "administrator admin administratorin administrateur administratrice administrador"
    " administradora адміністратор адміністраторка مسؤول مدير",
}
_FIELD_OF = {name: field for field, names in NAMES.items() for name in names.split()}
_ROLE_OF = {name: role for role, names in ROLES.items() for name in names.split()}

Columns = dict[str, int]


def has_header(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first record names the columns: it has no address, but a known name or addresses below it."""
    if any("@" in cell for cell in first):
        return False
    return any(_plain(cell) in _FIELD_OF for cell in first) or any("@" in cell for row in rows for cell in row)


def find(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Columns:
    """Find the columns by the names in the header, which may be empty, and by what is in these rows."""
    named: Columns = {}
    for index, cell in enumerate(header):
        if field := _FIELD_OF.get(_plain(cell)):
            named.setdefault(field, index)
    found = _by_content(rows)
    if not named:
        return found
    if "email" in found and not _has_addresses(rows, named.get("email")):
        # A column named “address” may hold streets.
        named = {"email": found["email"], **{field: index for field, index in named.items() if field != "email"}}
    return _with_both_names(
        {field: index for field, index in named.items() if field == "email" or index != named.get("email")}
    )


def role_of(text: str) -> Role | None:
    """Return the role with this name in any of the usual languages."""
    return _ROLE_OF.get(_plain(text))


def language_of(text: str) -> str | None:
    """Return the code of the language with this code (such as de or de-AT) or name (such as German or Deutsch)."""
    folded = text.casefold()
    code = re.split("[-_]", folded)[0]
    return code if code in LANGUAGES else _languages().get(folded)


@cache
def _languages() -> dict[str, str]:
    """Return the codes of languages by their names in each of them. Reading these takes a while at first."""
    named = {code: [Locale.parse(code).get_language_name(other) for other in LANGUAGES] for code in LANGUAGES}
    return {str(name).casefold(): code for code, names in named.items() for name in names}


def _by_content(rows: Sequence[Sequence[str]]) -> Columns:
    width = max(map(len, rows), default=0)
    email = max(range(width), key=lambda index: _count_addresses(rows, index), default=None)
    if email is None or not _count_addresses(rows, email):
        return {}
    found, others = {"email": email}, []
    for index in (index for index in range(width) if index != email):
        cells = [cell for cell in _cells(rows, index) if cell]
        if cells and all(map(role_of, cells)):
            found.setdefault("role", index)
        elif cells and all(map(language_of, cells)):
            found.setdefault("language", index)
        elif any(map(str.isalpha, "".join(cells))):
            others.append(index)
    return found | dict(zip(("first_name", "last_name") if len(others) == 2 else ("name",), others, strict=False))


def _with_both_names(columns: Columns) -> Columns:
    """Take a column “name” beside only one of the two names for the other: Vorname, Name; Nombre, Apellidos."""
    has_first, has_last = "first_name" in columns, "last_name" in columns
    if "name" not in columns or has_first == has_last:
        return columns
    other = "last_name" if has_first else "first_name"
    return {other if field == "name" else field: index for field, index in columns.items()}


def _has_addresses(rows: Sequence[Sequence[str]], index: int | None) -> bool:
    return index is not None and _count_addresses(rows, index) > 0


def _count_addresses(rows: Sequence[Sequence[str]], index: int) -> int:
    return sum("@" in cell for cell in _cells(rows, index))


def _cells(rows: Sequence[Sequence[str]], index: int) -> Iterable[str]:
    return (row[index].strip() for row in rows if index < len(row))


def _plain(text: str) -> str:
    """Return a text in lower case without anything but letters and their marks."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return "".join(one for one in folded[:60] if unicodedata.category(one) in ("Ll", "Lo", "Mn", "Mc"))
