"""The pages on which people sign in, and the administrators' list of users."""

import math

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from webapp import languages, pages, stencils
from webapp.access import safe_next, signed_in
from webapp.accounts import service
from webapp.accounts import setup as first_run
from webapp.accounts.forms import NewUserForm, SetupForm, SignInForm, text
from webapp.accounts.links import handover, password_links
from webapp.accounts.links.handover import Handover
from webapp.accounts.links.password_links import NoActivation
from webapp.accounts.models import Role, User
from webapp.accounts.passwords import hashing
from webapp.accounts.passwords import rules as password_rules
from webapp.accounts.passwords.rules import Rules
from webapp.accounts.sign_ins import sessions, signing_in
from webapp.accounts.sign_ins.locks import Locked
from webapp.accounts.users import locked_for, require_administrator
from webapp.context import parts
from webapp.errors import TooManyRequests
from webapp.security import csrf
from webapp.settings import service as settings
from webapp.settings.security import security

blueprint = Blueprint("accounts", __name__)

Page = str | Response | tuple[str, int]

SETUP_KEY = "setup_key"
# Where a link to hand over waits, sealed, for the page that shows it.
SHOWN_LINK = "shown_link"
# More than any secret of ours has, and little enough for a cookie.
LONGEST_SECRET = 100
# The address that the sign-in page has filled in, once: whose password was just replaced.
SIGN_IN_AS = "sign_in_as"


@blueprint.route("/login", methods=["GET", "POST"])
@csrf.exempt
def login() -> Page:
    """Sign in, and go on to `next`."""
    if request.method != "POST" and sessions.is_signed_in():
        return redirect(safe_next(request.args.get("next")))
    # The demo's page shows its accounts, which are not settings.
    alike = not request.args and SIGN_IN_AS not in browser and parts().config.demo == "off"
    if request.method != "POST" and alike:
        return stencils.page("sign in", lambda: _sign_in_page(SignInForm(), safe_next(None)))
    form, target = SignInForm(email=browser.pop(SIGN_IN_AS, "")), safe_next(request.args.get("next"))
    if form.validate_on_submit():
        email, password = text(form.email), text(form.password)
        try:
            begun = signing_in.sign_in(
                parts().database, parts().queue, email, password, sessions.here(), limited(), form.remember.data
            )
        except signing_in.SignInRefused:
            form.form_errors.append(_("This address and password do not fit together. Check both of them."))
        except TooManyRequests as error:
            form.form_errors.append(pages.when_again(error))
            if isinstance(error, Locked):
                form.form_errors.append(_("Did you forget your password? Choose a new one, and you get in at once."))
            return pages.too_many(error, _sign_in_page(form, target))
        else:
            sessions.begin(begun)
            return redirect(target)
    return _sign_in_page(form, target)


def _sign_in_page(form: SignInForm, target: str) -> str:
    return render_template("accounts/login.html", form=form, target=target)


@blueprint.post("/logout")
def logout() -> Response:
    """Sign this browser out."""
    with parts().database.writing() as session:
        signing_in.sign_out(session, signed_in(), sessions.token())
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
    form.rules = rules()
    try:
        with parts().database.reading() as session:
            first_run.check(session, browser.get(SETUP_KEY, ""))
        if form.validate_on_submit():
            return _set_up(form)
    except service.AddressTaken as taken:
        form.problem("email", str(taken))
    except first_run.SetupRefused as refused:
        done = isinstance(refused, first_run.SetupDone)
        return render_template("accounts/setup_refused.html", refused=refused, done=done), 404
    return render_template("accounts/setup.html", form=form)


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
    form.public_url = public_url()
    if form.validate_on_submit():
        try:
            return _create(form)
        except service.AddressTaken as taken:
            form.problem("email", str(taken))
    with parts().database.reading() as session:
        lifetime = security(session).activation_minutes
    return render_template("accounts/new_user.html", form=form, lifetime=lifetime)


@blueprint.post("/users/<int:user_id>/resend")
def resend(user_id: int) -> Page:
    """Another activation mail."""
    try:
        with parts().database.writing() as session:
            person = locked_for(session, user_id, signed_in())
            password_links.owe_activation(session, parts().queue, person, limited())
    except NoActivation as refused:
        flash(str(refused), "info")
    except TooManyRequests as error:
        flash(_wait_for_mail(error), "warning")
    else:
        _flash_mail(person)
    return redirect(url_for("accounts.user", user_id=user_id))


def _wait_for_mail(error: TooManyRequests) -> str:
    return ngettext(
        "Nothing was sent, as a mail left a moment ago. Another one can be sent in %(num)s minute.",
        "Nothing was sent, as a mail left a moment ago. Another one can be sent in %(num)s minutes.",
        math.ceil(error.retry_after / 60),
    )


def limited() -> bool:
    """Whether requests are counted against limits."""
    return parts().config.rate_limits == "on"


def public_url() -> str:
    """Where people reach Mailroom; empty until it is set."""
    with parts().database.reading() as session:
        return settings.general(session, parts().config).public_url


def rules() -> Rules:
    """What a new password has to be like now."""
    with parts().database.reading() as session:
        return password_rules.in_force(session, parts().config)


def shown_once(made: Handover) -> Response:
    """Go on to the page that shows the link. It travels sealed, and is not made again when that page is reloaded."""
    browser[SHOWN_LINK] = handover.sealed(parts().sealer, made, sessions.sign_in())
    return redirect(url_for("accounts.link_shown", user_id=made.user_id))


def _set_up(form: SetupForm) -> Response:
    config, queue = parts().config, parts().queue
    password_hash = hashing.hashed(text(form.password))
    with parts().database.writing() as session:
        person = first_run.create_first_administrator(
            session,
            browser.get(SETUP_KEY, ""),
            text(form.email),
            text(form.name),
            password_hash,
            languages.current().code,
        )
        if form.public_url and form.public_url.data:
            first_run.save_public_url(session, queue, config, form.public_url.data)
        begun = signing_in.begin(session, person, sessions.here())
    sessions.begin(begun)
    flash(_("You are the first administrator, and signed in. Next: set up the mail server."), "success")
    return redirect(url_for("home.home"))


def _create(form: NewUserForm) -> Page:
    """Raises AddressTaken."""
    by_mail = form.send_activation.data == "mail"
    with parts().database.writing() as session:
        require_administrator(session, signed_in())
        person = service.create_user(
            session,
            parts().queue,
            email=text(form.email),
            name=text(form.name),
            role=Role(form.role.data),
            send_activation=by_mail,
            language=form.language.data or "",
        )
        made = None if by_mail else handover.activation(session, parts().sealer, person)
    if made is not None:
        return shown_once(made)
    _flash_mail(person)
    return redirect(url_for("accounts.user", user_id=person.id))


def _flash_mail(person: User) -> None:
    if public_url():
        flash(_("An activation mail to %(email)s will be sent; the outbox shows when.", email=person.email), "success")
    else:
        flash(
            _("The activation mail to %(email)s waits until the public address is set.", email=person.email), "warning"
        )
