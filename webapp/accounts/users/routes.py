"""The administrators' pages of all people: the list, a new one, and another activation mail."""

import math

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp.accounts import service
from webapp.accounts.blueprint import Page, blueprint, public_url
from webapp.accounts.models import Role, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.password_links.service import NoActivation
from webapp.accounts.users import admin_links, administration
from webapp.accounts.users.admin_link_routes import shown_once
from webapp.accounts.users.administration import lock_user, require_administrator
from webapp.accounts.users.forms import NewUserForm
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.outbox.status import delivery_status
from webapp.settings.security import security
from webapp.web.access import signed_in
from webapp.web.forms import text
from webapp.web.security import csrf


@blueprint.get("/users")
def users() -> Page:
    """Everybody, newest first, or those who match a search."""
    search = "".join(filter(str.isprintable, request.args.get("search", ""))).strip()[:200]
    before = request.args.get("before", type=int)
    with app_state().database.read() as session:
        people, more = administration.list_users(session, search, before)
    return render_template("accounts/users.html", people=people, more=more, search=search, before=before)


@blueprint.route("/users/new", methods=["GET", "POST"])
@csrf.exempt
def new_user() -> Page:
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
    except NoActivation as refused:
        flash(str(refused), "info")
    except TooManyRequests as error:
        flash(_wait_for_mail(error), "warning")
    else:
        _flash_mail(person)
    return redirect(url_for("accounts.user", user_id=user_id))


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
    return redirect(url_for("accounts.user", user_id=person.id))


def _flash_mail(person: User) -> None:
    state, to = delivery_status(app_state().database), person.email
    if not public_url():
        flash(_("The activation email to %(email)s will be sent once the public URL is set.", email=to), "warning")
    elif not state.server_saved:
        flash(_("The activation email to %(email)s will be sent once the mail server is set up.", email=to), "warning")
    elif state.stopped:
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
