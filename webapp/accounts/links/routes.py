"""The pages behind the links in mails: activate an account, choose a new password; and asking for such a mail."""

from flask import flash, redirect, render_template, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp import languages, pages
from webapp.accounts.blueprint import LONGEST_SECRET, Page, blueprint, limited, rules
from webapp.accounts.links import openings, password_links, refusals, shown
from webapp.accounts.links.code_routes import ASKED_FOR, empty_code_form
from webapp.accounts.links.forms import ForgotPasswordForm
from webapp.accounts.models import Purpose, User
from webapp.accounts.passwords import former as former_passwords
from webapp.accounts.passwords import hashing
from webapp.accounts.passwords.forms import PasswordForm
from webapp.accounts.passwords.rules import BadPassword
from webapp.accounts.sign_ins import sessions, signing_in
from webapp.accounts.sign_ins.routes import SIGN_IN_AS
from webapp.context import parts
from webapp.errors import Failure, TooManyRequests
from webapp.forms import text
from webapp.security import csrf


@blueprint.get("/activate/<secret>")
def open_activation(secret: str) -> Response:
    """Move the secret of an activation link out of the address; nothing is spent."""
    return opened(Purpose.ACTIVATION, secret, "accounts.activate")


@blueprint.route("/activate", methods=["GET", "POST"])
@csrf.exempt
def activate() -> Page:
    """Choose the first password; the account is active and signed in."""
    try:
        secret = shown.secret(Purpose.ACTIVATION)
        form = _password_form(_owner(secret, Purpose.ACTIVATION))
        if not form.validate_on_submit():
            return render_template("accounts/activate.html", form=form, link=shown.mark(secret))
        password_hash = hashing.hashed(text(form.password))
        # Asked before the transaction: whose language it is may have to be looked up, and that notes who is here.
        language = languages.current().code
        with parts().database.writing() as session:
            person = password_links.activate(session, parts().queue, secret, password_hash, language)
            begun = signing_in.begin(session, person, sessions.here())
    except password_links.REFUSED as refused:
        return link_refused(Purpose.ACTIVATION, refused)
    sessions.begin(begun)
    with languages.speaking(person.language):
        flash(_("Your account is active, and you are signed in."), "success")
    return redirect(url_for("home.home"))


@blueprint.post("/activate/again")
def activate_again() -> Page:
    """Another activation mail, to the person whose link it was."""
    with parts().database.writing() as session:
        password_links.owe_activation_again(session, parts().queue, browser.get(Purpose.ACTIVATION, ""), limited())
    return render_template("accounts/activate_again.html")


@blueprint.route("/forgot-password", methods=["GET", "POST"])
@csrf.exempt
def forgot_password() -> Page:
    """Ask for a reset mail. The answer is the same for every address."""
    form = ForgotPasswordForm()
    if not form.validate_on_submit():
        return render_template("accounts/forgot_password.html", form=form)
    try:
        with parts().database.writing() as session:
            password_links.request_reset(session, parts().queue, text(form.email), sessions.client(), limited())
    except TooManyRequests as error:
        form.form_errors.append(pages.when_again(error))
        return pages.too_many(error, render_template("accounts/forgot_password.html", form=form))
    browser[ASKED_FOR] = text(form.email)
    return redirect(url_for("accounts.forgot_password_sent"))


@blueprint.get("/forgot-password/sent")
def forgot_password_sent() -> Page:
    """Where the code from the mail can be typed."""
    if ASKED_FOR not in browser:
        return redirect(url_for("accounts.forgot_password"))
    return render_template("accounts/forgot_password_sent.html", form=empty_code_form())


@blueprint.get("/reset-password/<secret>")
def open_reset(secret: str) -> Response:
    """Move the secret of a reset link out of the address; nothing is spent."""
    return opened(Purpose.RESET, secret, "accounts.reset_password")


@blueprint.route("/reset-password", methods=["GET", "POST"])
@csrf.exempt
def reset_password() -> Page:
    """Choose a new password; every browser is signed out."""
    try:
        secret = shown.secret(Purpose.RESET)
        owner = _owner(secret, Purpose.RESET)
        form = _password_form(owner)
        if not (form.validate_on_submit() and _is_new(form, owner)):
            return render_template("accounts/reset_password.html", form=form, link=shown.mark(secret))
        password_hash = hashing.hashed(text(form.password))
        with parts().database.writing() as session:
            known_as = signing_in.reset_password(session, parts().queue, secret, password_hash, sessions.here())
    except password_links.REFUSED as refused:
        return link_refused(Purpose.RESET, refused)
    sessions.stay_known(known_as)
    browser.clear()
    browser[SIGN_IN_AS] = owner.email
    flash(_("Your password is changed, and you are signed out everywhere. Sign in with the new one."), "success")
    return redirect(url_for("accounts.login"))


def opened(purpose: Purpose, secret: str, endpoint: str) -> Response:
    """Keep a link's secret in the session, and go on to a page whose address does not hold it."""
    browser[purpose] = secret[:LONGEST_SECRET]
    openings.opened(parts().database, secret, purpose)
    return redirect(url_for(endpoint))


def link_refused(purpose: Purpose, refused: Failure) -> Page:
    """The page that says why a link did nothing, and what helps. Raises TooManyRequests."""
    with parts().database.writing() as session:
        openings.refused(session, browser.get(purpose, ""), purpose, refused, sessions.client().address, limited())
    # The browser's session stays as it is: a second click must not undo what the first one did.
    step = refusals.next_step(purpose, refused)
    return render_template("accounts/link_refused.html", refused=refused, step=step), refusals.status(refused)


def _owner(secret: str, purpose: Purpose) -> User:
    with parts().database.reading() as session:
        return password_links.owner(session, secret, purpose)


def _password_form(owner: User) -> PasswordForm:
    return PasswordForm().under(rules(), owner.email, owner.name)


def _is_new(form: PasswordForm, owner: User) -> bool:
    """Whether the owner has not had this password before; if not, the form says so."""
    try:
        former_passwords.check(parts().database, owner, text(form.password), limited())
    except BadPassword as had:
        return form.problem("password", str(had))
    return True
