"""The administrators' page of one person, and what can be done there."""

from collections.abc import Callable

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from webapp.accounts import service
from webapp.accounts.blueprint import Page, blueprint
from webapp.accounts.models import Role, User
from webapp.accounts.sessions import lockout
from webapp.accounts.users import administration
from webapp.accounts.users.administration import ActionRefused
from webapp.accounts.users.forms import NameForm, RoleForm
from webapp.core.app_state import app_state
from webapp.core.i18n import LANGUAGES
from webapp.web.access import signed_in
from webapp.web.forms import ConfirmForm, Form, text
from webapp.web.security import csrf


@blueprint.get("/users/<int:user_id>")
def user(user_id: int) -> Page:
    """One person."""
    person, kept = _person(user_id)
    return _user_page(person, kept, NameForm(formdata=None, obj=person))


@blueprint.post("/users/<int:user_id>/name")
@csrf.exempt
def rename_user(user_id: int) -> Page:
    """Change the name."""
    person, kept = _person(user_id)
    form = NameForm()
    if not form.validate_on_submit():
        return _user_page(person, kept, form)
    with app_state().database.transaction() as session:
        administration.rename(session, user_id, text(form.name), signed_in())
    flash(_("The name has been changed."), "success")
    return redirect(url_for("accounts.user", user_id=user_id))


@blueprint.post("/users/<int:user_id>/sign-out")
def sign_out_user(user_id: int) -> Page:
    """End all sign-ins of the person."""
    person, _kept = _person(user_id)
    with app_state().database.transaction() as session:
        administration.end_sessions(session, user_id, signed_in())
    flash(_("%(name)s has been signed out everywhere.", name=person.name), "success")
    return redirect(url_for("accounts.user", user_id=user_id))


@blueprint.route("/users/<int:user_id>/role", methods=["GET", "POST"])
@csrf.exempt
def change_role(user_id: int) -> Page:
    """Make the person an administrator or a member, after saying what that does."""
    person, kept = _person(user_id)
    form = RoleForm(obj=person)

    def change(session: Session) -> None:
        administration.change_role(session, user_id, Role(form.role.data), signed_in())

    if page := _confirm_first("accounts/change_role.html", person, kept, form, change):
        return page
    if form.role.data == person.role:
        flash(_("Nothing was changed."), "info")
    else:
        flash(_("The role of %(name)s has been changed.", name=person.name), "success")
    return redirect(url_for("accounts.user", user_id=user_id))


@blueprint.route("/users/<int:user_id>/disable", methods=["GET", "POST"])
@csrf.exempt
def disable_user(user_id: int) -> Page:
    """Disable the account, after saying what that does."""
    person, kept = _person(user_id)

    def disable(session: Session) -> None:
        administration.disable(session, user_id, signed_in())

    if page := _confirm_first("accounts/disable_user.html", person, kept, ConfirmForm(), disable):
        return page
    flash(_("%(name)s has been disabled and signed out everywhere.", name=person.name), "success")
    return redirect(url_for("accounts.user", user_id=user_id))


@blueprint.post("/users/<int:user_id>/enable")
def enable_user(user_id: int) -> Page:
    """Enable a disabled account."""
    with app_state().database.transaction() as session:
        administration.enable(session, user_id, signed_in())
    person, _kept = _person(user_id)
    flash(_("%(name)s has been enabled again.", name=person.name), "success")
    return redirect(url_for("accounts.user", user_id=user_id))


@blueprint.post("/users/<int:user_id>/unlock")
def unlock_user(user_id: int) -> Page:
    """Let the person sign in at once, after wrong passwords."""
    with app_state().database.transaction() as session:
        administration.unlock(session, user_id, signed_in())
    flash(_("Sign-in is unlocked. This person can sign in now."), "success")
    return redirect(url_for("accounts.user", user_id=user_id))


@blueprint.route("/users/<int:user_id>/delete", methods=["GET", "POST"])
@csrf.exempt
def delete_user(user_id: int) -> Page:
    """Delete the account, after saying what that does."""
    person, kept = _person(user_id)

    def delete(session: Session) -> None:
        administration.delete(session, user_id, signed_in())

    if page := _confirm_first("accounts/delete_user.html", person, kept, ConfirmForm(), delete):
        return page
    flash(_("%(name)s has been deleted.", name=person.name), "success")
    return redirect(url_for("accounts.users"))


def _confirm_first(
    template: str, person: User, kept: ActionRefused | None, form: Form, act: Callable[[Session], None]
) -> Page | None:
    """The page that says what will happen, or why it cannot; None once its button was pressed and it happened."""
    if not form.validate_on_submit():
        return render_template(template, person=person, kept=kept, form=form)
    try:
        with app_state().database.transaction() as session:
            act(session)
    except ActionRefused as refused:
        return render_template(template, person=person, kept=refused, form=form), 409
    return None


def _person(user_id: int) -> tuple[User, ActionRefused | None]:
    """The person, and why their rights cannot be taken away, if so."""
    with app_state().database.read() as session:
        person = service.get_user(session, user_id)
        return person, administration.reason_not_removable(session, person, signed_in())


def _user_page(person: User, kept: ActionRefused | None, form: NameForm) -> str:
    with app_state().database.read() as session:
        locked_until = lockout.locked_until(session, person)
    language = LANGUAGES.get(person.language or "")
    return render_template(
        "accounts/user.html",
        person=person,
        kept=kept,
        form=form,
        locked_until=locked_until,
        language_name=language.name if language else "",
    )
