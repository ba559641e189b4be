"""What every template can use: Bootstrap, static files, filters, navigation."""

import hashlib
from datetime import timedelta
from pathlib import Path

from flask import Flask, url_for
from flask_bootstrap import Bootstrap5

from webapp.core import formatting
from webapp.core.version import VERSION
from webapp.web import client, navigation


def init_app(app: Flask) -> None:
    """Add it to the application's templates."""
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(days=365)
    Bootstrap5(app)
    app.jinja_env.filters.update(formatting.FILTERS)
    app.add_template_filter(client.describe, "describe_user_agent")
    app.add_template_global(AssetUrls(app), "asset")
    app.jinja_env.globals.update(
        navigation_entries=navigation.navigation_entries,
        settings_tabs=navigation.settings_tabs,
        panels=navigation.panels,
        version=VERSION,
    )


class AssetUrls:
    """URLs of static files. Each contains a hash of the file, so browsers may keep it for a year."""

    def __init__(self, app: Flask) -> None:
        self._folders = {"static": app.static_folder, **{n: b.static_folder for n, b in app.blueprints.items()}}
        self._urls: dict[tuple[str, str], str] = {}

    def __call__(self, name: str, endpoint: str = "static") -> str:
        """Return the URL of a file of the application, or of the blueprint that has the endpoint."""
        if (name, endpoint) not in self._urls:
            folder = self._folders[endpoint.partition(".")[0]]
            version = hashlib.sha256(Path(folder or "", name).read_bytes()).hexdigest()[:12]
            self._urls[name, endpoint] = url_for(endpoint, filename=name, v=version)
        return self._urls[name, endpoint]
