"""The pages below Settings → Applications."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.applications import connection, labels, service, usage
from webapp.applications.forms import OVERLAPS, ApplicationForm, ContentForm, RotateForm
from webapp.applications.models import Application
from webapp.applications.values import InvalidValues, Values
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.errors import SetInFile, StaleVersion
from webapp.settings import declared
from webapp.settings.context import general_settings
from webapp.settings.service import content_days, save_content_days
from webapp.web import csrf
from webapp.web.forms import ConfirmForm

blueprint = Blueprint("applications", __name__, url_prefix="/settings/applications")


@blueprint.route("", methods=["GET", "POST"])
@csrf.exempt
def list_applications() -> ResponseReturnValue:
    """List the applications; save how long the content of their emails is kept."""
    with app_state().database.read() as session:
        found, days = service.list_all(session), content_days(session)
        locked = declared.fields(session, declared.GENERAL)
    form = ContentForm(data={"content_days": days})
    form.lock(locked)
    if form.validate_on_submit():
        try:
            with app_state().database.transaction() as session:
                save_content_days(session, form.content_days.data)
            flash(_("Saved."), "success")
            return redirect(url_for("applications.list_applications"))
        except SetInFile as error:
            form.report_locked(error.fields)
    return render_template(
        "applications/applications.html", applications=found, form=form, permissions=labels.permissions, **_connection()
    )


@blueprint.route("/new", methods=["GET", "POST"])
@csrf.exempt
def create() -> ResponseReturnValue:
    """Create an application, and show its secret, once."""
    form = ApplicationForm.of(Values("", may_send=True))
    form.show_version(0)
    if form.validate_on_submit():
        try:
            with app_state().database.transaction() as session:
                created = service.create(session, form.to_values())
            return _page(created.application.id, secret=created.secret)
        except InvalidValues as error:
            form.report_invalid(error)
    return render_template("applications/new.html", form=form)


@blueprint.route("/<int:application_id>", methods=["GET", "POST"])
@csrf.exempt
def show(application_id: int) -> ResponseReturnValue:
    """Show an application; change what it may do."""
    with app_state().database.read() as session:
        application = service.get(session, application_id)
        locked = declared.fields(session, declared.APPLICATIONS, application.name)
    form = _form_of(application)
    form.lock(locked)
    if not form.validate_on_submit():
        return _page(application_id, form)
    try:
        with app_state().database.transaction() as session:
            service.update(session, application_id, form.to_values(), form.expected_version)
        flash(_("Saved."), "success")
        return redirect(url_for("applications.show", application_id=application_id))
    except InvalidValues as error:
        form.report_invalid(error)
    except StaleVersion as error:
        form.report_conflict(error.current)
    except SetInFile as error:
        form.report_locked(error.fields)
    return _page(application_id, form)


@blueprint.route("/<int:application_id>/secret", methods=["GET", "POST"])
@csrf.exempt
def rotate(application_id: int) -> ResponseReturnValue:
    """Create a new secret after asking what becomes of the previous one, and show it, once."""
    form = RotateForm()
    if not form.validate_on_submit():
        return _confirm("rotate", application_id, form)
    with app_state().database.transaction() as session:
        secret = service.rotate(session, application_id, form.chosen)
    return _page(application_id, secret=secret)


@blueprint.route("/<int:application_id>/disable", methods=["GET", "POST"])
@csrf.exempt
def disable(application_id: int) -> ResponseReturnValue:
    """Refuse an application, after asking."""
    form = ConfirmForm()
    if not form.validate_on_submit():
        return _confirm("disable", application_id, form)
    with app_state().database.transaction() as session:
        service.disable(session, application_id)
    flash(_("Disabled."), "success")
    return redirect(url_for("applications.show", application_id=application_id))


@blueprint.post("/<int:application_id>/enable")
def enable(application_id: int) -> ResponseReturnValue:
    """Enable a disabled application."""
    with app_state().database.transaction() as session:
        service.enable(session, application_id)
    flash(_("Enabled."), "success")
    return redirect(url_for("applications.show", application_id=application_id))


@blueprint.route("/<int:application_id>/delete", methods=["GET", "POST"])
@csrf.exempt
def delete(application_id: int) -> ResponseReturnValue:
    """Delete an application, after asking."""
    form = ConfirmForm()
    if not form.validate_on_submit():
        return _confirm("delete", application_id, form)
    with app_state().database.transaction() as session:
        service.delete(session, application_id)
    flash(_("Deleted."), "success")
    return redirect(url_for("applications.list_applications"))


def _form_of(application: Application, **given: Any) -> ApplicationForm:
    form = ApplicationForm.of(service.values_of(application), **given)
    form.show_version(application.version)
    return form


def _page(application_id: int, form: ApplicationForm | None = None, secret: str = "") -> str:
    """Render the page of an application."""
    with app_state().database.read() as session:
        application = service.get(session, application_id)
        valid, refused = service.valid_secrets(application, clock.now()), usage.refusals(session, application)
        locked = declared.fields(session, declared.APPLICATIONS, application.name)
    # After a secret was created, it shows what is saved.
    form = form or _form_of(application, formdata=None)
    form.lock(locked)
    return render_template(
        "applications/application.html",
        application=application,
        form=form,
        locked=locked,
        secret=secret,
        secrets=valid,
        refusals=refused,
        refusal=labels.refusal,
        **_connection(),
    )


def _confirm(action: str, application_id: int, form: ConfirmForm | RotateForm) -> str:
    with app_state().database.read() as session:
        application = service.get(session, application_id)
        valid = service.valid_secrets(application, clock.now())
    return render_template(
        f"applications/{action}.html", application=application, form=form, secrets=valid, overlaps=OVERLAPS
    )


def _connection() -> dict[str, object]:
    general = general_settings()
    return {
        "smtp": connection.smtp_settings(app_state().config, general),
        "api_url": connection.api_url(general),
    }
