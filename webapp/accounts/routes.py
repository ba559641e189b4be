"""The pages on which people sign in, activate their account and choose passwords, and the administrators' users."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp import stencils
from webapp.access import safe_next
from webapp.accounts import links, password_rules, passwords, service, sessions, sign_ins
from webapp.accounts import setup as first_run
from webapp.accounts.forms import ForgotPasswordForm, NewUserForm, PasswordForm, SetupForm, SignInForm, text
from webapp.accounts.models import Purpose, Role, User
from webapp.accounts.password_rules import Rules
from webapp.context import parts
from webapp.errors import Failure
from webapp.security import csrf
from webapp.settings import service as settings

blueprint = Blueprint("accounts", __name__)

Page = str | Response | tuple[str, int]

SETUP_KEY = "setup_key"
# More than any secret of ours has, and little enough for a cookie.
LONGEST_SECRET = 100
# Where Flask keeps what `flash` was told, until a page shows it.
FLASHES = "_flashes"


@blueprint.route("/login", methods=["GET", "POST"])
@csrf.exempt
def login() -> Page:
    """Sign in, and go on to `next`."""
    target = safe_next(request.args.get("next"))
    if request.method != "POST":
        if sessions.is_signed_in():
            return redirect(target)
        # The demo's page shows its accounts, which are not settings.
        if not request.args and FLASHES not in browser and parts().config.demo == "off":
            return stencils.page("sign in", lambda: _sign_in_page(SignInForm(), target))
    form = SignInForm()
    if form.validate_on_submit():
        try:
            token = service.sign_in(
                parts().database, text(form.email), text(form.password), sessions.client(), _limited()
            )
        except service.SignInRefused:
            form.form_errors.append(_("This address and password do not fit together. Check both of them."))
        else:
            _begin(token)
            return redirect(target)
    return _sign_in_page(form, target)


def _sign_in_page(form: SignInForm, target: str) -> str:
    return render_template("accounts/login.html", form=form, target=target)


@blueprint.post("/logout")
def logout() -> Response:
    """Sign this browser out."""
    with parts().database.writing() as session:
        sign_ins.end(session, sessions.token())
    browser.clear()
    flash(_("You are signed out."), "success")
    return redirect(url_for("accounts.login"))


@blueprint.route("/setup", methods=["GET", "POST"])
@csrf.exempt
def setup() -> Page:
    """The first administrator. The key goes from the address into the session."""
    if "key" in request.args:
        browser[SETUP_KEY] = request.args["key"][:LONGEST_SECRET]
        return redirect(url_for("accounts.setup"))
    form = SetupForm(public_url=request.host_url.rstrip("/"))
    if parts().config.public_url:
        del form.public_url
    try:
        with parts().database.reading() as session:
            first_run.check(session, browser.get(SETUP_KEY, ""))
            form.rules = password_rules.rules(session, parts().config)
        if form.validate_on_submit():
            return _set_up(form)
    except service.AddressTaken as taken:
        form.email.errors = (str(taken),)
    except first_run.SetupRefused as refused:
        done = isinstance(refused, first_run.SetupDone)
        return render_template("accounts/setup_refused.html", refused=refused, done=done), 404
    return render_template("accounts/setup.html", form=form)


@blueprint.get("/activate/<secret>")
def open_activation(secret: str) -> Response:
    """Move the secret of an activation link out of the address; nothing is spent."""
    browser[Purpose.ACTIVATION] = secret[:LONGEST_SECRET]
    return redirect(url_for("accounts.activate"))


@blueprint.route("/activate", methods=["GET", "POST"])
@csrf.exempt
def activate() -> Page:
    """Choose the first password; the account is active and signed in."""
    secret, form = browser.get(Purpose.ACTIVATION, ""), PasswordForm()
    try:
        form.rules = _rules(secret, Purpose.ACTIVATION)
        if not form.validate_on_submit():
            return render_template("accounts/activate.html", form=form)
        password_hash = passwords.hashed(text(form.password))
        with parts().database.writing() as session:
            person = service.activate(session, parts().queue, secret, password_hash)
            token = sign_ins.start(session, person, sessions.client())
    except service.REFUSED as refused:
        return _link_refused(Purpose.ACTIVATION, refused)
    _begin(token)
    flash(_("Your account is active, and you are signed in."), "success")
    return redirect(url_for("home.home"))


@blueprint.post("/activate/again")
def activate_again() -> Page:
    """Another activation mail, to the person whose link it was."""
    with parts().database.writing() as session:
        service.owe_activation_again(session, parts().queue, browser.get(Purpose.ACTIVATION, ""), _limited())
    return render_template("accounts/activate_again.html")


@blueprint.route("/forgot-password", methods=["GET", "POST"])
@csrf.exempt
def forgot_password() -> Page:
    """Ask for a reset mail. The answer is the same for every address."""
    form = ForgotPasswordForm()
    if not form.validate_on_submit():
        return render_template("accounts/forgot_password.html", form=form)
    with parts().database.writing() as session:
        service.request_reset(session, parts().queue, text(form.email), sessions.client(), _limited())
    return render_template("accounts/forgot_password_sent.html")


@blueprint.get("/reset-password/<secret>")
def open_reset(secret: str) -> Response:
    """Move the secret of a reset link out of the address; nothing is spent."""
    browser[Purpose.RESET] = secret[:LONGEST_SECRET]
    return redirect(url_for("accounts.reset_password"))


@blueprint.route("/reset-password", methods=["GET", "POST"])
@csrf.exempt
def reset_password() -> Page:
    """Choose a new password; every browser is signed out."""
    secret, form = browser.get(Purpose.RESET, ""), PasswordForm()
    try:
        form.rules = _rules(secret, Purpose.RESET)
        if not form.validate_on_submit():
            return render_template("accounts/reset_password.html", form=form)
        password_hash = passwords.hashed(text(form.password))
        with parts().database.writing() as session:
            service.reset_password(session, parts().queue, secret, password_hash)
    except service.REFUSED as refused:
        return _link_refused(Purpose.RESET, refused)
    browser.clear()
    flash(_("Your password is changed, and you are signed out everywhere. Sign in with the new one."), "success")
    return redirect(url_for("accounts.login"))


@blueprint.get("/users")
def users() -> Page:
    """Everybody, newest first, or those who match a search."""
    search = "".join(filter(str.isprintable, request.args.get("search", ""))).strip()[:200]
    before = request.args.get("before", type=int)
    with parts().database.reading() as session:
        people, more = service.page_of_users(session, search, before)
    return render_template("accounts/users.html", people=people, more=more, search=search, before=before)


@blueprint.route("/users/new", methods=["GET", "POST"])
@csrf.exempt
def new_user() -> Page:
    """Create a person, and mail or show the activation link."""
    form = NewUserForm()
    form.public_url = _public_url()
    if form.validate_on_submit():
        try:
            return _create(form)
        except service.AddressTaken as taken:
            form.email.errors = (str(taken),)
    return render_template("accounts/new_user.html", form=form)


@blueprint.post("/users/<int:user_id>/resend")
def resend(user_id: int) -> Page:
    """Another activation mail."""
    try:
        with parts().database.writing() as session:
            person = service.user(session, user_id)
            service.owe_activation(session, parts().queue, person)
    except service.NoActivation as refused:
        flash(str(refused), "info")
    else:
        _flash_mail(person)
    return redirect(url_for("accounts.user", user_id=user_id))


@blueprint.post("/users/<int:user_id>/link")
def show_link(user_id: int) -> Page:
    """A new activation link, shown once."""
    if not _public_url():
        flash(_("A link can be shown once the public address is set."), "danger")
        return redirect(url_for("accounts.user", user_id=user_id))
    try:
        with parts().database.writing() as session:
            person = service.user(session, user_id)
            secret = service.activation_secret(session, person)
    except service.NoActivation as refused:
        flash(str(refused), "info")
        return redirect(url_for("accounts.user", user_id=user_id))
    return _link_shown(person, secret)


def _limited() -> bool:
    return parts().config.rate_limits == "on"


def _public_url() -> str:
    with parts().database.reading() as session:
        return settings.general(session, parts().config).public_url


def _begin(token: str) -> None:
    """Go on with a new sign-in; the one this browser had, if any, is over."""
    with parts().database.writing() as session:
        sign_ins.end(session, sessions.token())
    sessions.begin(token)


def _set_up(form: SetupForm) -> Response:
    config, queue, password_hash = parts().config, parts().queue, passwords.hashed(text(form.password))
    with parts().database.writing() as session:
        person = first_run.create_first_administrator(
            session, browser.get(SETUP_KEY, ""), text(form.email), text(form.name), password_hash
        )
        if form.public_url and form.public_url.data:
            first_run.save_public_url(session, queue, config, form.public_url.data)
        token = sign_ins.start(session, person, sessions.client())
    _begin(token)
    flash(_("You are the first administrator, and signed in. Next: set up the mail server."), "success")
    return redirect(url_for("home.home"))


def _rules(secret: str, purpose: Purpose) -> Rules:
    """The rules for the password of this link's person. Raises LinkRefused, AlreadyActive, AccountDisabled."""
    with parts().database.reading() as session:
        return password_rules.rules_after(session, parts().config, service.owner(session, secret, purpose))


def _link_refused(purpose: Purpose, refused: Failure) -> Page:
    # The session stays as it is: a second click must not undo what the first one did.
    status = 404 if isinstance(refused, links.LinkUnknown) else 410
    step = service.next_step(purpose, refused)
    return render_template("accounts/link_refused.html", refused=refused, step=step), status


def _create(form: NewUserForm) -> Page:
    """Raises AddressTaken."""
    by_mail, secret = form.send_activation.data == "mail", ""
    with parts().database.writing() as session:
        person = service.create_user(
            session,
            parts().queue,
            email=text(form.email),
            name=text(form.name),
            role=Role(form.role.data),
            send_activation=by_mail,
        )
        if not by_mail:
            secret = service.activation_secret(session, person)
    if secret:
        return _link_shown(person, secret)
    _flash_mail(person)
    return redirect(url_for("accounts.user", user_id=person.id))


def _link_shown(person: User, secret: str) -> Page:
    link = _public_url() + links.PATHS[Purpose.ACTIVATION] + secret
    return render_template("accounts/link_shown.html", person=person, link=link)


def _flash_mail(person: User) -> None:
    if _public_url():
        flash(_("An activation mail to %(email)s will be sent; the outbox shows when.", email=person.email), "success")
    else:
        flash(
            _("The activation mail to %(email)s waits until the public address is set.", email=person.email), "warning"
        )
