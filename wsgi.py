"""The WSGI application, for any WSGI server: `wsgi:app`."""

from webapp import create_app

app = create_app()
