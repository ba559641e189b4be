"""What to compare with, served like Mailroom: a Flask and Jinja page with a session, an endpoint that parses JSON."""

import socket
import sys

from flask import Flask, render_template, request, session
from jinja2 import DictLoader

from webapp.process.web_server import serve_web

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


def create_app() -> Flask:
    """Create the application."""
    app = Flask(__name__)
    app.secret_key = "a secret key for the bench"
    app.jinja_loader = DictLoader(TEMPLATES)

    @app.get("/login")
    def page() -> str:
        session["seen"] = True
        return render_template("page.html", fields=[("email", "Email address"), ("password", "Password")])

    @app.post("/messages")
    def messages() -> tuple[dict[str, str], int]:
        return {"id": str(request.get_json()["to"])}, 202

    return app


if __name__ == "__main__":
    serve_web(create_app(), socket.socket(fileno=sys.stdin.fileno()), int(sys.argv[1]))
