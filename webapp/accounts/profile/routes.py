"""The profile: what people see of their account, their name, language and sign-ins."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import refresh
from werkzeug.wrappers import Response

from webapp.accounts.address_changes import pending
from webapp.accounts.blueprint import Page, rules
from webapp.accounts.profile import service
from webapp.accounts.profile.forms import AddressCodeForm, AddressForm, ChangePasswordForm, LanguageForm
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions import service as sign_ins
from webapp.accounts.sessions.reauthentication import SessionEnded
from webapp.accounts.sessions.routes import login_again
from webapp.accounts.users.forms import NameForm
from webapp.core.app_state import app_state
from webapp.web import client
from webapp.web.access import signed_in
from webapp.web.forms import text
from webapp.web.security import csrf

blueprint = Blueprint("profile", __name__)


@blueprint.get("/profile")
def profile() -> Page:
    """What the person can change, and where they are signed in."""
    return page()


@blueprint.route("/profile/name", methods=["GET", "POST"])
@csrf.exempt
def change_name() -> Page:
    """Change the name."""
    form = NameForm()
    if not form.validate_on_submit():
        return page(name_form=form if form.submitted() else None)
    with app_state().database.transaction() as session:
        service.rename(session, signed_in().id, text(form.name))
    flash(_("Your name has been changed."), "success")
    return redirect_to_profile()


@blueprint.route("/profile/language", methods=["GET", "POST"])
@csrf.exempt
def change_language() -> Page:
    """Choose another language; the answer is in it already."""
    form, person = LanguageForm(), signed_in()
    if not form.validate_on_submit():
        return page(language_form=form if form.submitted() else None)
    with app_state().database.transaction() as session:
        service.choose_language(session, person.id, form.language.data)
    person.language = form.language.data
    refresh()
    flash(_("Your language has been changed."), "success")
    return redirect_to_profile()


@blueprint.post("/profile/sign-ins/<int:sign_in_id>/end")
def sign_out(sign_in_id: int) -> Page:
    """Sign one other browser out."""
    with app_state().database.transaction() as session:
        service.sign_out(session, signed_in().id, sign_in_id)
    flash(_("That browser has been signed out."), "success")
    return redirect_to_profile()


@blueprint.post("/profile/sign-ins/end-others")
def sign_out_others() -> Page:
    """Sign all other browsers out."""
    try:
        with app_state().database.transaction() as session:
            left = service.sign_out_others(session, signed_in(), sessions.current_session().id, sessions.known_as())
    except SessionEnded as ended:
        return login_again(ended, url_for("profile.profile"))
    sessions.renew(left.token)
    sessions.stay_known(left.known_as)
    flash(_("All other browsers have been signed out."), "success")
    return redirect_to_profile()


def page(
    name_form: NameForm | None = None,
    language_form: LanguageForm | None = None,
    address_form: AddressForm | None = None,
    password_form: ChangePasswordForm | None = None,
    code_form: AddressCodeForm | None = None,
) -> str:
    """The profile, with the form that was sent; the others as they are at first."""
    person, token = signed_in(), sessions.token()
    with app_state().database.read() as session:
        own = service.list_sessions(session, person.id)
        waiting = pending.find_pending(session, person.id)
    return render_template(
        "profile/profile.html",
        person=person,
        name_form=name_form or NameForm(formdata=None, name=person.name),
        language_form=language_form or LanguageForm(formdata=None, language=person.language or ""),
        address_form=address_form or AddressForm(formdata=None),
        password_form=password_form or ChangePasswordForm(formdata=None).under(rules(), person.email, person.name),
        code_form=code_form or AddressCodeForm(formdata=None),
        waiting=waiting,
        sign_ins=[(one, client.describe(one.device), sign_ins.belongs_to(one, token)) for one in own],
    )


def redirect_to_profile() -> Response:
    """Go on to the profile."""
    return redirect(url_for("profile.profile"))
