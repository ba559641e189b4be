"""The pages on which people sign in, and the button that signs them out."""

from flask import flash, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp import pages, stencils
from webapp.access import safe_next, signed_in
from webapp.accounts.blueprint import Page, blueprint, limited
from webapp.accounts.sign_ins import sessions, signing_in
from webapp.accounts.sign_ins.confirming import GuessedTooOften, SignInEnded
from webapp.accounts.sign_ins.forms import SignInForm
from webapp.accounts.sign_ins.locks import Locked
from webapp.context import parts
from webapp.errors import TooManyRequests
from webapp.forms import text
from webapp.security import csrf

# The address that the sign-in page has filled in, once: whose password was just replaced.
SIGN_IN_AS = "sign_in_as"


@blueprint.route("/login", methods=["GET", "POST"])
@csrf.exempt
def login() -> Page:
    """Sign in, and go on to `next`."""
    target = safe_next(request.args.get("next"))
    if request.method != "POST":
        return redirect(target) if sessions.is_signed_in() else _first_page(target)
    form = SignInForm()
    if not form.validate_on_submit():
        # The page was opened before somebody signed in in another window: there is nothing left to do on it.
        return redirect(target) if form.is_stale and sessions.is_signed_in() else _page(form, target)
    email, password, remembered = text(form.email), text(form.password), form.remember.data
    try:
        begun = signing_in.sign_in(
            parts().database, parts().queue, email, password, sessions.here(), limited(), remembered
        )
    except signing_in.SignInRefused:
        form.form_errors.append(_("This address and password do not fit together. Check both of them."))
        return _page(form, target)
    except TooManyRequests as error:
        form.form_errors.append(pages.when_again(error))
        if isinstance(error, Locked):
            form.form_errors.append(_("Did you forget your password? Choose a new one, and you get in at once."))
        return pages.too_many(error, _page(form, target))
    sessions.begin(begun)
    return redirect(target)


@blueprint.post("/logout")
def logout() -> Response:
    """Sign this browser out."""
    with parts().database.writing() as session:
        signing_in.sign_out(session, signed_in(), sessions.sign_in().id)
    browser.clear()
    flash(_("You are signed out."), "success")
    return redirect(url_for("accounts.login"))


def sign_in_again(ended: SignInEnded, target: str | None = None) -> Response:
    """Tell why the sign-in is over, on the page on which the next one begins; from there one goes on to `target`."""
    if not isinstance(ended, GuessedTooOften):
        # In another window it may go on: the cookie is left as it is, and that page leads on then.
        return redirect(url_for("accounts.login", next=target, ended="form"))
    sessions.forget()
    flash(str(ended), "warning")
    return redirect(url_for("accounts.login", next=target))


def _first_page(target: str) -> str:
    """The page as it is opened: alike for everybody, but for who is led on from it or has just chosen a password."""
    # The demo's page shows its accounts, which are not settings.
    if request.args or SIGN_IN_AS in browser or parts().config.demo == "on":
        return _page(SignInForm(email=browser.pop(SIGN_IN_AS, "")), target)
    return stencils.page("sign in", lambda: _page(SignInForm(), target))


def _page(form: SignInForm, target: str) -> str:
    return render_template("accounts/login.html", form=form, target=target)
