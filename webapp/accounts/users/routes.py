"""The pages on which administrators look after users."""

import math
from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from webapp.accounts import service
from webapp.accounts.blueprint import Page, public_url
from webapp.accounts.fields import NameForm
from webapp.accounts.links.errors import WrongState
from webapp.accounts.models import Role, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.sessions import lockout
from webapp.accounts.sessions.browser import signed_in
from webapp.accounts.users import admin_links, administration
from webapp.accounts.users.admin_link_routes import shown_once
from webapp.accounts.users.administration import ActionRefused, lock_user, require_administrator
from webapp.accounts.users.forms import NewUserForm, RoleForm
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.core.i18n import LANGUAGES
from webapp.outbox.status import delivery_status
from webapp.settings.service import security
from webapp.web import csrf
from webapp.web.forms import ConfirmForm, Form, text

blueprint = Blueprint("users", __name__)


@blueprint.get("/users")
def list_users() -> Page:
    """Everybody, newest first, or those who match a search."""
    search = "".join(filter(str.isprintable, request.args.get("search", ""))).strip()[:200]
    before = request.args.get("before", type=int)
    with app_state().database.read() as session:
        people, more = administration.list_users(session, search, before)
    return render_template("accounts/users.html", people=people, more=more, search=search, before=before)


@blueprint.route("/users/new", methods=["GET", "POST"])
@csrf.exempt
def create_user() -> Page:
    """Create a person, and mail or show the activation link."""
    form = NewUserForm()
    form.public_url = public_url()
    if form.validate_on_submit():
        try:
            return _create(form)
        except service.AddressTaken as taken:
            form.problem("email", str(taken))
    with app_state().database.read() as session:
        lifetime = security(session).activation_minutes
    return render_template("accounts/new_user.html", form=form, lifetime=lifetime)


@blueprint.post("/users/<int:user_id>/resend")
def resend_activation(user_id: int) -> Page:
    """Another activation mail."""
    try:
        with app_state().database.transaction() as session:
            person = lock_user(session, user_id, signed_in())
            password_links.enqueue_activation(session, person)
    except WrongState as refused:
        flash(str(refused), "info")
    except TooManyRequests as error:
        flash(_wait_for_mail(error), "warning")
    else:
        _flash_mail(person)
    return redirect(url_for("users.show_user", user_id=user_id))


@blueprint.get("/users/<int:user_id>")
def show_user(user_id: int) -> Page:
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
    return redirect(url_for("users.show_user", user_id=user_id))


@blueprint.post("/users/<int:user_id>/sign-out")
def end_sessions(user_id: int) -> Page:
    """End all sign-ins of the person."""
    person, _kept = _person(user_id)
    with app_state().database.transaction() as session:
        administration.end_sessions(session, user_id, signed_in())
    flash(_("%(name)s has been signed out everywhere.", name=person.name), "success")
    return redirect(url_for("users.show_user", user_id=user_id))


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
    return redirect(url_for("users.show_user", user_id=user_id))


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
    return redirect(url_for("users.show_user", user_id=user_id))


@blueprint.post("/users/<int:user_id>/enable")
def enable_user(user_id: int) -> Page:
    """Enable a disabled account."""
    with app_state().database.transaction() as session:
        administration.enable(session, user_id, signed_in())
    person, _kept = _person(user_id)
    flash(_("%(name)s has been enabled again.", name=person.name), "success")
    return redirect(url_for("users.show_user", user_id=user_id))


@blueprint.post("/users/<int:user_id>/unlock")
def unlock_user(user_id: int) -> Page:
    """Let the person sign in at once, after wrong passwords."""
    with app_state().database.transaction() as session:
        administration.unlock(session, user_id, signed_in())
    flash(_("Sign-in is unlocked. This person can sign in now."), "success")
    return redirect(url_for("users.show_user", user_id=user_id))


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
    return redirect(url_for("users.list_users"))


def _create(form: NewUserForm) -> Page:
    """Raises AddressTaken."""
    by_mail = form.send_activation.data == "mail"
    with app_state().database.transaction() as session:
        require_administrator(session, signed_in())
        person = administration.create_user(
            session,
            email=text(form.email),
            name=text(form.name),
            role=Role(form.role.data),
            send_activation=by_mail,
            language=form.language.data or "",
        )
        made = None if by_mail else admin_links.activation(session, app_state().sealer, person)
    if made is not None:
        return shown_once(made)
    _flash_mail(person)
    return redirect(url_for("users.show_user", user_id=person.id))


def _flash_mail(person: User) -> None:
    with app_state().database.read() as session:
        status, to = delivery_status(session), person.email
    if not public_url():
        flash(_("The activation email to %(email)s will be sent once the public URL is set.", email=to), "warning")
    elif not status.has_server:
        flash(_("The activation email to %(email)s will be sent once the mail server is set up.", email=to), "warning")
    elif status.stopped:
        flash(
            _(
                "The activation email to %(email)s is waiting because mail is not going out. Home shows the reason.",
                email=to,
            ),
            "warning",
        )
    else:
        flash(_("Activation email to %(email)s is queued.", email=to), "success")


def _wait_for_mail(error: TooManyRequests) -> str:
    return ngettext(
        "Not sent: an email went out a moment ago. You can send another in %(num)s minute.",
        "Not sent: an email went out a moment ago. You can send another in %(num)s minutes.",
        math.ceil(error.retry_after / 60),
    )


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
