"""The General and Security tabs of the settings."""

from dataclasses import fields
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.core.app_state import app_state
from webapp.core.errors import SetInFile, StaleVersion
from webapp.settings import declared, service
from webapp.settings.forms import GeneralForm, SecurityForm, field_of, fields_of, url_warning, warning_below
from webapp.settings.models import GeneralSettings, SecuritySettings
from webapp.settings.service import General
from webapp.web import csrf

blueprint = Blueprint("settings", __name__, url_prefix="/settings")


@blueprint.get("")
def first() -> Response:
    """Redirect to the first tab."""
    return redirect(url_for("settings.general"))


@blueprint.route("/general", methods=["GET", "POST"])
@csrf.exempt
def general() -> str | Response:
    """Show and save the general settings."""
    with app_state().database.read() as session:
        saved = service.general(session, app_state().config)
        version = service.version(session, GeneralSettings)
        locked = declared.fields(session, declared.GENERAL)
    form = GeneralForm(obj=saved)
    fixed = bool(app_state().config.public_url)
    if fixed:
        del form.public_url
    if app_state().config.send_only_to:
        del form.send_to, form.send_to_domains
    form.lock(locked)
    form.show_version(version)
    if form.validate_on_submit():
        names = [one.name for one in fields(General)]
        values: dict[str, Any] = {name: form[name].data if name in form else None for name in names}
        try:
            with app_state().database.transaction() as session:
                service.save_general(session, **values, expected_version=form.expected_version)
            flash(_("Saved."), "success")
            return redirect(url_for("settings.general"))
        except StaleVersion as error:
            form.report_conflict(error.current)
        except SetInFile as error:
            form.report_locked(error.fields)
    warning = url_warning(saved.public_url) if fixed else warning_below(form.public_url)
    return render_template("settings/general.html", form=form, warning=warning)


@blueprint.route("/security", methods=["GET", "POST"])
@csrf.exempt
def security() -> str | Response:
    """Show and save the security settings."""
    with app_state().database.read() as session:
        policy = service.security(session)
        version = service.version(session, SecuritySettings)
        locked = declared.fields(session, declared.SECURITY)
    form = SecurityForm.from_policy(policy)
    form.lock(fields_of(locked))
    form.show_version(version)
    if form.validate_on_submit():
        try:
            with app_state().database.transaction() as session:
                service.save_security(session, form.to_policy(), form.expected_version)
            flash(_("Saved."), "success")
            return redirect(url_for("settings.security"))
        except StaleVersion as error:
            form.report_conflict(error.current)
        except SetInFile as error:
            form.report_locked(field_of(name) for name in error.fields)
    return render_template("settings/security.html", form=form)
