"""Checks what a plugin declares, type by type and name by name, so that nobody finds out later on a page.

mypy checks plugins that have annotations. This checks all of them, and what annotations can't say.
"""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from flask_babel.speaklater import LazyString
from wtforms import Form
from wtforms.fields.core import UnboundField

from webapp.providers.authentication import Authentication, NoAuthentication
from webapp.providers.diagnosis import Diagnosis, DiagnosisRule, Text
from webapp.providers.oauth2 import LABELS, OAuth2
from webapp.providers.provider import Provider, Security
from webapp.providers.rules import FORM_FIELDS, FORM_SECRETS, MAX_LABEL_LENGTH, Limit, MethodKey, Port, Timeout

# What authentication methods declare by an attribute or a property, as their authors like.
METHOD_ATTRIBUTES: Mapping[str, Any] = {
    "key": MethodKey,
    "label": Text,
    "fields": Sequence[str],
    "optional_fields": Sequence[str],
    "diagnosis_rules": Sequence[DiagnosisRule],
}
# The values of a fix that the form doesn't take as any text.
FIX_VALUES: Mapping[str, Any] = {
    "security": Security,
    "tls_minimum": Literal["1.2", "1.3"],
    "address_family": Literal["any", "ipv4", "ipv6"],
    "mechanism": Literal["", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"],
    "proxy_type": Literal["none", "http", "socks5"],
    "port": Port,
    "proxy_port": Port,
    "timeout": Timeout,
    "limit_per_minute": Limit,
    "limit_per_day": Limit,
    "limit_connections": Limit,
}
NAMES: Mapping[Any, str] = {
    str: "a text",
    LazyString: "a text",
    int: "a whole number",
    date: "a date",
    timedelta: "a timedelta",
    UnboundField: "a WTForms field",
    NoneType: "None",
    bool: "True or False",
}


class InvalidValue(ValueError):
    """One value of a plugin is not allowed; the text says where it is, and what is allowed."""

    def __init__(self, where: str, value: object, allowed: str) -> None:
        super().__init__(f"{where} is {value!r}. Allowed: {allowed}.")


def check_type(value: object, hint: Any, where: str) -> None:
    """Check a value, and everything in it, against a type of the contract. Raises InvalidValue."""
    kind, arguments = _parts(hint)
    _require(_is_a(value, hint), where, value, _describe(hint))
    if kind is Annotated:
        _require(arguments[1].holds(value), where, value, arguments[1].allowed)
    elif kind in (Union, UnionType):
        check_type(value, next(one for one in arguments if _is_a(value, one)), where)
    elif isinstance(value, Sequence) and kind is Sequence:
        for number, one in enumerate(value):
            check_type(one, arguments[0], f"{where}[{number}]")
    elif isinstance(value, Mapping) and kind is Mapping:
        for key, one in value.items():
            check_type(key, arguments[0], f"a key of {where}")
            check_type(one, arguments[1], f"{where}[{key!r}]")
    else:
        _check_attributes(value, f"{where}." if where else "")


def check_provider(provider: Provider, reserved: Iterable[str]) -> None:
    """Check everything that a provider declares. `reserved` names are not for its own fields. Raises InvalidValue."""
    check_type(provider, Provider, "")
    allowed = f"a text of at most {MAX_LABEL_LENGTH} characters"
    _require(0 < len(str(provider.label)) <= MAX_LABEL_LENGTH, "label", str(provider.label), allowed)
    _check_own_fields(provider, frozenset(reserved))
    shown = [name for name in provider.fields if name not in provider.secret_fields]
    known = [*FORM_FIELDS, *provider.fields]
    _check_names(provider.notes, known, "a key of notes")
    _check_names(re.findall(r"\{([^}]*)", provider.connection.host), shown, "a field in connection.host")
    _require(len(provider.authentication) > 0, "authentication", provider.authentication, "at least one method")
    unlinked = provider.checked is not None and not provider.source.startswith("https://")
    _require(not unlinked, "source", provider.source, "with checked, the https:// URL that was compared")
    for number, method in enumerate(provider.authentication):
        _check_method(method, known, f"authentication[{number}] ({type(method).__name__})")
    keys = [method.key for method in provider.authentication_methods]
    _require(len(set(keys)) == len(keys), "authentication", keys, "methods with different keys")
    rules = [
        *provider.diagnosis_rules,
        *(rule for method in provider.authentication for rule in method.diagnosis_rules),
    ]
    for rule in rules:
        _check_fix(rule.diagnosis, provider)


def check_diagnosis(found: object, provider: Provider) -> Diagnosis:
    """Return what should be a diagnosis of this provider's failures. Raises InvalidValue if it isn't."""
    check_type(found, Diagnosis, "diagnosis")
    diagnosis = cast(Diagnosis, found)
    _check_fix(diagnosis, provider)
    return diagnosis


def _check_fix(diagnosis: Diagnosis, provider: Provider) -> None:
    fix = diagnosis.fix
    fillable = [name for name in (*FORM_FIELDS, *provider.fields) if name not in FORM_SECRETS]
    _check_names(fix, fillable, "a key of fix")
    for name in fix.keys() & FIX_VALUES.keys():
        text = fix[name]
        value = int(text) if text.isascii() and text.isdigit() else text
        check_type(value, FIX_VALUES[name], f"fix[{name!r}]")
    if "authentication" in fix:
        keys = [method.key for method in provider.authentication_methods]
        _check_names([fix["authentication"]], keys, "fix['authentication']")


def _check_attributes(value: object, where: str) -> None:
    """Check the fields that the contract's own classes declare; a plugin's subclass may add others."""
    for kind in type(value).__mro__:
        for name, hint in _declared(kind):
            check_type(getattr(value, name), hint, where + name)


@cache
def _declared(kind: type) -> Sequence[tuple[str, Any]]:
    """Return the names and types of a class's fields if it is one of the contract's own, else nothing."""
    if is_dataclass(kind) and kind.__module__.startswith("webapp.providers."):
        return [(field.name, field.type) for field in fields(kind)]
    return []


def _check_own_fields(provider: Provider, reserved: frozenset[str]) -> None:
    for name in provider.fields:
        usable = re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) and name not in reserved and not hasattr(Form, name)
        _require(bool(usable), "a key of fields", name, "a name of a-z, 0-9 and _ that the form doesn't use itself")


def _check_method(method: Authentication, known: Sequence[str], where: str) -> None:
    for name, hint in METHOD_ATTRIBUTES.items():
        try:
            value = getattr(method, name)
        except Exception as error:
            raise InvalidValue(f"{where}.{name}", error, _describe(hint)) from error
        check_type(value, hint, f"{where}.{name}")
    _check_names(method.fields, known, f"an item of {where}.fields")
    _check_names(method.optional_fields, known, f"an item of {where}.optional_fields")
    own_key = isinstance(method, OAuth2 | NoAuthentication) or method.key not in {NoAuthentication.key, *LABELS}
    _require(own_key, f"{where}.key", method.key, "a key that no method of Mailroom's has")
    _check_function(method.authenticate, Authentication.authenticate, (None, None), f"{where}.authenticate")
    _check_function(method.clean, None, ("", ""), f"{where}.clean")
    if isinstance(method, OAuth2):
        _require(len(method.grant_types) > 0, f"{where}.grant_types", method.grant_types, "at least one grant type")
        lacking = method.missing_url()
        _require(not lacking, f"{where}.grant_types", lacking, "only grant types whose URL is declared")


def _check_function(function: Any, base: object, arguments: tuple[object, ...], where: str) -> None:
    """Check that a method is overridden, is no coroutine, and takes these arguments."""
    allowed = f"a function of {len(arguments)} arguments besides self, without async or yield"
    _require(callable(function) and getattr(function, "__func__", function) is not base, where, function, allowed)
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        raise InvalidValue(where, error, allowed) from error
    lazy = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    _require(not any(is_lazy(function) for is_lazy in lazy), where, function, allowed)


def _check_names(names: Iterable[str], known: Sequence[str], where: str) -> None:
    for name in names:
        _require(name in known, where, name, ", ".join(known) or "none, as the provider has no field for it")


@cache
def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return what a type is made of: `Sequence` and `(str,)` of `Sequence[str]`. There are few, for many values."""
    return get_origin(hint), get_args(hint)


def _is_a(value: object, hint: Any) -> bool:
    """Return whether a value is of a type, whatever it contains."""
    kind, arguments = _parts(hint)
    if kind is Annotated:
        return _is_a(value, arguments[0])
    if kind in (Union, UnionType):
        return any(_is_a(value, one) for one in arguments)
    if kind is Literal:
        return any(value == one for one in arguments)
    # A text is a sequence of texts, and True a number, but never what was meant.
    mistaken = isinstance(value, str | bytes) if kind is Sequence else isinstance(value, bool)
    return isinstance(value, kind or hint) and not (mistaken and hint is not bool)


@cache
def _describe(hint: Any) -> str:
    """Return what a type is in words for a plugin's author."""
    kind, arguments = _parts(hint)
    if kind is Annotated:
        return str(arguments[1].allowed)
    if kind in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_describe, arguments)))
    if kind is Literal:
        return " or ".join(map(repr, arguments))
    if kind is Sequence:
        return f"a list, each item {_describe(arguments[0])}"
    if kind is Mapping:
        return f"a dict, each key {_describe(arguments[0])} and each value {_describe(arguments[1])}"
    return NAMES.get(hint, f"a {hint.__name__}")


def _require(condition: bool, where: str, value: object, allowed: str) -> None:
    if not condition:
        raise InvalidValue(where, value, allowed)
