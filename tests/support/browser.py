"""A browser: a Flask test client that submits the forms of its pages."""

import secrets
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.support.html import Form, forms_of
from webapp.accounts.models import User
from webapp.accounts.sessions import service as sessions
from webapp.core.app_state import app_state_of
from webapp.web import cookies, csrf
from webapp.web.client import Client

PASSWORD = "a quite long sentence 7"


class Browser:
    """One browser with its cookies, and the user it belongs to, if any."""

    def __init__(self, app: Flask, user_id: int | None = None) -> None:
        self.app = app
        self.client = app.test_client()
        self.client.open = partial(_open_alone, self.client.open)  # type: ignore[method-assign]
        self.user_id = user_id

    @property
    def has_account(self) -> bool:
        """Whether it belongs to a user."""
        return self.user_id is not None

    @property
    def user(self) -> User:
        """The user, as in the database now."""
        state = app_state_of(self.app)
        with state.database.read() as session:
            return session.get_one(User, self.user_id)

    def start_session(self) -> None:
        """Sign `user` in without the login page."""
        state = app_state_of(self.app)
        with state.database.transaction() as session:
            _session, token = sessions.start(session, self.user, Client("127.0.0.1", "a browser of the tests"))
        self.client.set_cookie(cookies.SESSION, token)

    def sign_in(self, password: str = PASSWORD) -> TestResponse:
        """Sign `user` in on the login page."""
        return self.submit("/login", email=self.user.email, password=password)

    def get(self, path: str, follow: bool = True, **options: Any) -> TestResponse:
        """Open a path, or a URL from an email."""
        return self.client.get(_local(path), follow_redirects=follow, **options)

    def post(self, path: str, follow: bool = True, **fields: Any) -> TestResponse:
        """Send fields and the CSRF token, whether the page has such a form or not."""
        values = {"csrf_token": self.csrf_token(), **fields}
        return self.client.post(_local(path), data=values, follow_redirects=follow)

    def submit(self, path: str, button: str | None = None, **fields: Any) -> TestResponse:
        """Open a page, fill in the form that has these fields (and button), send it, follow redirects.

        All else keeps the value that the page gave it; None leaves a field out, True and False
        tick and clear a checkbox. A button is named by its name or its value.
        """
        page = self.get(path)
        assert page.status_code == 200, f"{path}: {page.status}"
        return self.submit_on(page, button, **fields)

    def submit_on(self, page: TestResponse, button: str | None = None, **fields: Any) -> TestResponse:
        """The same, on a page that is open already: one that came back with errors, say."""
        form = _fitting(page, button, fields)
        values = MultiDict(form.values)
        for name, value in fields.items():
            form.fill(values, name, value)
        if button is not None:
            values.add(*form.buttons[button])
        action = form.action or page.request.full_path
        return self._sent(_local(action), values)

    def _sent(self, path: str, values: MultiDict[str, Any]) -> TestResponse:
        """Post a form and follow its redirect."""
        answer = self.client.post(path, data=values)
        return self.get(answer.location) if 300 <= answer.status_code < 400 else answer

    def csrf_token(self) -> str:
        """Return the token that this browser's pages carry now."""
        if self.client.get_cookie(cookies.VISITOR) is None:
            self.client.set_cookie(cookies.VISITOR, secrets.token_urlsafe(32))
        return Context().run(self._csrf_token)

    def _csrf_token(self) -> str:
        kept = [self.client.get_cookie(name) for name in (cookies.SESSION, cookies.VISITOR)]
        sent = "; ".join(f"{cookie.key}={cookie.value}" for cookie in kept if cookie)
        with self.app.test_request_context(headers={"Cookie": sent}):
            return csrf.csrf_token()


def _open_alone(usual: Callable[..., TestResponse], *given: Any, **options: Any) -> TestResponse:
    # Like a server: outside of any application context that the test has entered. Buffered, as responses
    # that are files would otherwise stay open.
    return Context().run(usual, *given, **(options | {"buffered": True}))


def _fitting(page: TestResponse, button: str | None, fields: dict[str, Any]) -> Form:
    forms = forms_of(page.text)
    for form in forms:
        if all(name in form.names for name in fields) and (button is None or button in form.buttons):
            return form
    here = "; ".join(f"{sorted(form.names)} with buttons {sorted(form.buttons)}" for form in forms)
    raise AssertionError(f"{page.request.path} has no form with {sorted(fields)} and {button}: {here or 'no forms'}")


def _local(address: str) -> str:
    state = urlsplit(address)
    return state.path + (f"?{state.query}" if state.query else "")
