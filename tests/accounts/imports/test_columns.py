"""Which column is which."""

import pytest

from webapp.accounts.imports.columns import find, has_header, language_of, role_of
from webapp.accounts.models import Role

ROW = ["ada@example.com", "Ada", "Lovelace"]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("E-Mail-Adresse;Vorname;Nachname;Rolle;Sprache", "email first_name last_name role language"),
        ("Vorname;Name;E-Mail", "first_name last_name email"),
        ("Prénom;Nom;Courriel", "first_name last_name email"),
        ("Nombre;Apellidos;Correo electrónico", "first_name last_name email"),
        ("Full name;EMAIL ADDRESS;Role", "name email role"),
        ("Ім'я;Прізвище;Електронна пошта", "first_name last_name email"),
        ("الاسم;البريد الإلكتروني", "name email"),
        ("Name;mail;Department", "name email"),
    ],
)
def test_columns_are_found_by_their_names(header: str, columns: str) -> None:
    cells = header.split(";")
    assert has_header(cells, [])
    assert find(cells, []) == {field: index for index, field in enumerate(columns.split())}


def test_without_header_they_are_found_by_what_they_contain() -> None:
    rows = [["Ada Lovelace", "17", "ada@example.com", "admin", "de-AT"], ["Bob", "18", "bob@example.com", "", "en"]]
    assert not has_header(rows[0], rows[1:])
    assert find([], rows) == {"email": 2, "name": 0, "role": 3, "language": 4}


def test_two_other_columns_are_the_first_and_the_last_name() -> None:
    assert find([], [ROW]) == {"email": 0, "first_name": 1, "last_name": 2}


def test_a_header_in_an_unknown_language_is_seen_by_the_addresses_below_it() -> None:
    assert has_header(["Sähköposti", "Etunimi"], [["ada@example.com", "Ada"]])


def test_a_column_named_address_that_holds_streets_is_not_the_email_address() -> None:
    rows = [["Main Street 1", "ada@example.com", "Ada"]]
    assert find(["Address", "Contact", "Name"], rows) == {"email": 1, "name": 2}


def test_nothing_is_found_where_there_are_no_addresses() -> None:
    assert find([], [["a", "b"]]) == {}


@pytest.mark.parametrize("text", ["admin", "Administratrice", "ADMINISTRADOR", "Адміністратор"])
def test_roles_are_known_in_several_languages(text: str) -> None:
    assert role_of(text) == Role.ADMINISTRATOR


@pytest.mark.parametrize("text", ["de", "de-AT", "DE_ch", "German", "Deutsch", "allemand", "німецька"])
def test_languages_are_known_by_code_and_name(text: str) -> None:
    assert language_of(text) == "de"


@pytest.mark.parametrize("text", ["", "xx", "klingon"])
def test_other_texts_are_no_language_and_no_role(text: str) -> None:
    assert (language_of(text), role_of(text)) == (None, None)
