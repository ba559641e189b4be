"""A bare Flask and Jinja page with a session, served like Mailroom: the page to compare with."""

import sys
from collections.abc import Callable
from unittest import mock

from flask import Flask, render_template, session
from jinja2 import DictLoader

from webapp.process import web_server
from webapp.process.request_bodies import Wsgi
from webapp.process.web_server import ListenAddress

TEMPLATES = {
    "layouts/base.html": """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{% block title %}{% endblock %}</title><link rel="stylesheet" href="/s.css"></head>
<body><main><h1>{{ self.title() }}</h1>{% block content %}{% endblock %}</main></body>
</html>
""",
    "page.html": """{% extends "layouts/base.html" %}
{% block title %}Sign in{% endblock %}
{% block content %}
<form method="post">
{% for name, label in fields %}
<p><label for="{{ name }}">{{ label }}</label> <input id="{{ name }}" name="{{ name }}" value=""></p>
{% endfor %}
<p><button>Sign in</button></p>
</form>
{% endblock %}
""",
}


def create_app(intake: Callable[[Wsgi], Wsgi]) -> Flask:
    """The application, whose requests are taken in as Mailroom's are."""
    app = Flask(__name__)
    app.wsgi_app = intake(app.wsgi_app)  # type: ignore[method-assign]
    app.secret_key = "a secret key for the bench"
    app.jinja_loader = DictLoader(TEMPLATES)

    @app.get("/login")
    def page() -> str:
        session["seen"] = True
        return render_template("page.html", fields=[("email", "Email address"), ("password", "Password")])

    return app


if __name__ == "__main__":
    _program, port, processes, threads = sys.argv
    with mock.patch.object(web_server, "create_app", create_app):
        web_server.serve_web(ListenAddress(port=int(port)), int(processes), int(threads))
