"""What accounts add to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.accounts import blueprint as accounts
from webapp.accounts import events, jobs, message_kinds, service
from webapp.accounts.address_changes import routes as address_change_routes
from webapp.accounts.password_links import advice_routes, code_routes
from webapp.accounts.password_links import routes as password_link_routes
from webapp.accounts.profile import password_routes
from webapp.accounts.profile import routes as profile_routes
from webapp.accounts.sessions import browser, reauthentication_routes
from webapp.accounts.sessions import routes as session_routes
from webapp.accounts.users import admin_link_routes, setup_routes, user_routes
from webapp.accounts.users import routes as users_routes
from webapp.audit.registry import register_user_lookup
from webapp.web import navigation
from webapp.web.navigation import NavigationEntry

# Each adds its pages to one of the two blueprints.
ROUTES = (
    address_change_routes,
    admin_link_routes,
    advice_routes,
    code_routes,
    password_link_routes,
    session_routes,
    setup_routes,
    user_routes,
    users_routes,
)


def init_app(app: Flask) -> None:
    """Add the pages of accounts and profiles, and what is checked before every page."""
    events.init_app(app)
    message_kinds.init_app(app)
    jobs.init_app(app)
    register_user_lookup(app, service.find_user_id)
    browser.init_app(app)
    password_routes.init_app(app)
    reauthentication_routes.init_app(app)
    app.register_blueprint(accounts.blueprint)
    app.register_blueprint(profile_routes.blueprint)
    navigation.register(app, NavigationEntry(_("Users"), "accounts.users", 20))
