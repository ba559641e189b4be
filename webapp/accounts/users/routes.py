"""The pages on which administrators look after users."""

import math
from collections.abc import Callable
from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy.orm import Session

from webapp.accounts import service
from webapp.accounts.fields import NameForm
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled, AlreadyActive
from webapp.accounts.models import LinkPurpose, Role, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.sessions import lockout
from webapp.accounts.sessions.browser import signed_in
from webapp.accounts.users import admin_links, administration, listing
from webapp.accounts.users.admin_link_routes import redirect_to_link
from webapp.accounts.users.administration import ActionRefused
from webapp.accounts.users.forms import CorrectAddressForm, NewUserForm, RoleForm, UserFilterForm
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.core.i18n import LANGUAGES
from webapp.outbox import service as outbox
from webapp.outbox.status import delivery_status
from webapp.settings.service import general, security
from webapp.web import csrf
from webapp.web.forms import ConfirmForm, Form, text

blueprint = Blueprint("users", __name__)


@blueprint.get("/users")
def list_users() -> ResponseReturnValue:
    """List the users, newest first, or those that match a search and filters."""
    form = UserFilterForm(formdata=request.args)
    before = request.args.get("before", type=int)
    user_filter = form.to_filter()
    with app_state().database.read() as session:
        users, more = listing.list_users(session, user_filter, before)
        can_resend = listing.has_pending(session)
    return render_template(
        "accounts/users.html",
        form=form,
        filters=user_filter.query_args(),
        users=users,
        can_resend=can_resend,
        more=more,
        before=before,
    )


@blueprint.route("/users/new", methods=["GET", "POST"])
@csrf.exempt
def create_user() -> ResponseReturnValue:
    """Create a user, and email or show the activation link."""
    form = NewUserForm()
    form.public_url = _public_url()
    if form.validate_on_submit():
        try:
            return _create(form)
        except service.AddressTaken as error:
            form.add_error("email", str(error))
    with app_state().database.read() as session:
        lifetime = security(session).activation_minutes
    return render_template("accounts/new_user.html", form=form, lifetime=lifetime)


@blueprint.get("/users/<int:user_id>")
def show_user(user_id: int) -> ResponseReturnValue:
    """Show one user."""
    return _user_page(*_user(user_id))


@blueprint.post("/users/<int:user_id>/resend")
def resend_activation(user_id: int) -> ResponseReturnValue:
    """Send another activation email."""
    try:
        with app_state().database.transaction() as session:
            user = administration.lock_user(session, user_id, signed_in())
            password_links.enqueue_activation(session, user)
    except (AlreadyActive, AccountDisabled) as error:
        flash(str(error), "info")
    except TooManyRequests as error:
        flash(_wait_text(error), "warning")
    else:
        _flash_activation(user.email)
    return _redirect_to(user_id)


@blueprint.post("/users/<int:user_id>/name")
@csrf.exempt
def rename_user(user_id: int) -> ResponseReturnValue:
    """Change the name."""
    user, refusal = _user(user_id)
    form = NameForm()
    if not form.validate_on_submit():
        return _user_page(user, refusal, name_form=form)
    with app_state().database.transaction() as session:
        administration.rename(session, user_id, text(form.name), signed_in())
    flash(_("The name has been changed."), "success")
    return _redirect_to(user_id)


@blueprint.post("/users/<int:user_id>/address")
@csrf.exempt
def correct_address(user_id: int) -> ResponseReturnValue:
    """Correct the address of a user who has not activated the account."""
    user, refusal = _user(user_id)
    form = CorrectAddressForm()
    if not form.validate_on_submit():
        return _user_page(user, refusal, address_form=form)
    try:
        with app_state().database.transaction() as session:
            administration.correct_address(session, user_id, text(form.email), signed_in())
    except service.AddressTaken as error:
        form.add_error("email", str(error))
        return _user_page(user, refusal, address_form=form)
    except (AlreadyActive, AccountDisabled) as error:
        flash(str(error), "info")
    else:
        flash(_("The address has been corrected. Links sent before no longer work: send a new email."), "success")
    return _redirect_to(user_id)


@blueprint.post("/users/<int:user_id>/sign-out")
def end_sessions(user_id: int) -> ResponseReturnValue:
    """End all sessions of the user."""
    user, _refusal = _user(user_id)
    with app_state().database.transaction() as session:
        administration.end_sessions(session, user_id, signed_in())
    flash(_("%(name)s has been signed out everywhere.", name=user.name), "success")
    return _redirect_to(user_id)


@blueprint.route("/users/<int:user_id>/role", methods=["GET", "POST"])
@csrf.exempt
def change_role(user_id: int) -> ResponseReturnValue:
    """Change the role, after saying what that does."""
    user, refusal = _user(user_id)
    form = RoleForm(obj=user)

    def change(session: Session) -> None:
        administration.change_role(session, user_id, Role(form.role.data), signed_in())

    if page := _confirm_first("accounts/change_role.html", user, refusal, form, change):
        return page
    if form.role.data == user.role:
        flash(_("Nothing was changed."), "info")
    else:
        flash(_("The role of %(name)s has been changed.", name=user.name), "success")
    return _redirect_to(user_id)


@blueprint.route("/users/<int:user_id>/disable", methods=["GET", "POST"])
@csrf.exempt
def disable_user(user_id: int) -> ResponseReturnValue:
    """Disable the account, after saying what that does."""
    user, refusal = _user(user_id)
    disable = partial(administration.disable, user_id=user_id, by=signed_in())
    if page := _confirm_first("accounts/disable_user.html", user, refusal, ConfirmForm(), disable):
        return page
    flash(_("%(name)s's account has been disabled and signed out everywhere.", name=user.name), "success")
    return _redirect_to(user_id)


@blueprint.post("/users/<int:user_id>/enable")
def enable_user(user_id: int) -> ResponseReturnValue:
    """Enable a disabled account."""
    with app_state().database.transaction() as session:
        administration.enable(session, user_id, signed_in())
    user, _refusal = _user(user_id)
    flash(_("%(name)s's account has been enabled.", name=user.name), "success")
    return _redirect_to(user_id)


@blueprint.post("/users/<int:user_id>/unlock")
def unlock_user(user_id: int) -> ResponseReturnValue:
    """End the lockout of a user."""
    with app_state().database.transaction() as session:
        administration.unlock(session, user_id, signed_in())
    flash(_("Sign-in is unlocked. This person can sign in now."), "success")
    return _redirect_to(user_id)


@blueprint.route("/users/<int:user_id>/delete", methods=["GET", "POST"])
@csrf.exempt
def delete_user(user_id: int) -> ResponseReturnValue:
    """Delete the account, after saying what that does."""
    user, refusal = _user(user_id)
    delete = partial(administration.delete, user_id=user_id, by=signed_in())
    if page := _confirm_first("accounts/delete_user.html", user, refusal, ConfirmForm(), delete):
        return page
    flash(_("%(name)s's account has been deleted.", name=user.name), "success")
    return redirect(url_for("users.list_users"))


def _create(form: NewUserForm) -> ResponseReturnValue:
    """Create the user of a valid form. Raises AddressTaken, Forbidden."""
    by_email = form.send_activation.data == "mail"
    with app_state().database.transaction() as session:
        administration.require_administrator(session, signed_in())
        user = administration.create_user(
            session,
            email=text(form.email),
            name=text(form.name),
            role=Role(form.role.data),
            send_activation=by_email,
            language=form.language.data or "",
        )
        shown = None if by_email else admin_links.create_activation(session, app_state().sealer, user)
    if shown is not None:
        return redirect_to_link(shown)
    _flash_activation(user.email)
    return _redirect_to(user.id)


def _confirm_first(
    template: str, user: User, refusal: ActionRefused | None, form: Form, action: Callable[[Session], None]
) -> ResponseReturnValue | None:
    """Render the page that asks for confirmation or says why not; None once the action is confirmed and done."""
    if not form.validate_on_submit():
        return render_template(template, user=user, refusal=refusal, form=form)
    try:
        with app_state().database.transaction() as session:
            action(session)
    except ActionRefused as error:
        return render_template(template, user=user, refusal=error, form=form), 409
    return None


def _user(user_id: int) -> tuple[User, ActionRefused | None]:
    """Return the user, and why they can't be disabled, deleted or made a member, if so. Raises NotFound."""
    with app_state().database.read() as session:
        user = service.get_user(session, user_id)
        return user, administration.reason_not_removable(session, user, signed_in())


def _user_page(
    user: User,
    refusal: ActionRefused | None,
    name_form: NameForm | None = None,
    address_form: CorrectAddressForm | None = None,
) -> str:
    with app_state().database.read() as session:
        locked_until = lockout.locked_until(session, user)
        messages = outbox.list_for_user(session, user.id, user.email)
        has_link = links.has_open(session, user.id, LinkPurpose.ACTIVATION)
    language = LANGUAGES.get(user.language or "")
    return render_template(
        "accounts/user.html",
        user=user,
        refusal=refusal,
        name_form=name_form or NameForm(formdata=None, name=user.name),
        address_form=address_form or CorrectAddressForm(formdata=None, email=user.email),
        messages=messages,
        has_link=has_link,
        locked_until=locked_until,
        language_name=language.name if language else "",
    )


def _redirect_to(user_id: int) -> ResponseReturnValue:
    return redirect(url_for("users.show_user", user_id=user_id))


def _public_url() -> str:
    with app_state().database.read() as session:
        return general(session, app_state().config).public_url


def _flash_activation(email: str) -> None:
    """Say that an activation email was queued or, if it has to wait, what it waits for."""
    with app_state().database.read() as session:
        status = delivery_status(session, clock.now())
        settings = general(session, app_state().config)
    if not settings.may_send_to(email):
        problem = _("Email to this address is not allowed: see “Who gets email” under Settings → General.")
    elif not settings.public_url:
        problem = _("The activation email to %(email)s will be sent once the public URL is set.", email=email)
    elif not status.has_server:
        problem = _("The activation email to %(email)s will be sent once the mail server is set up.", email=email)
    elif status.is_stopped:
        problem = _(
            "The activation email to %(email)s is waiting because mail is not going out. Home shows the reason.",
            email=email,
        )
    else:
        queued = _("The activation email to %(email)s is on its way.", email=email)
        link = Markup('<a href="{}">{}</a>').format(url_for("outbox.messages"), _("See it in the outbox"))
        flash(Markup("{} {}").format(queued, link), "success")
        return
    flash(problem, "warning")


def _wait_text(error: TooManyRequests) -> str:
    return ngettext(
        "Not queued: an activation email was requested a moment ago. You can request another in %(num)s minute.",
        "Not queued: an activation email was requested a moment ago. You can request another in %(num)s minutes.",
        math.ceil(error.retry_after / 60),
    )
