"""The page on which the code from a mail is typed, in place of opening the link beside it."""

from flask import redirect, render_template, url_for
from flask import session as browser
from flask_babel import gettext as _

from webapp.accounts.blueprint import Page, blueprint
from webapp.accounts.links import codes
from webapp.accounts.models import LinkPurpose
from webapp.accounts.password_links.forms import CodeForm
from webapp.accounts.sessions import browser as sessions
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.web import error_pages
from webapp.web.forms import text
from webapp.web.security import csrf

# The address for which this browser asked for a mail.
ASKED_FOR = "asked_for"
OPENED = {LinkPurpose.ACTIVATION: "accounts.activate", LinkPurpose.RESET: "accounts.reset_password"}


@blueprint.route("/code", methods=["GET", "POST"])
@csrf.exempt
def enter_code() -> Page:
    """Type a code and the address that it was mailed to; a right one does what opening its link does."""
    form = CodeForm() if CodeForm.submitted() else empty_code_form()
    if not form.validate_on_submit():
        return _page(form)
    email, typed = text(form.email), text(form.code)
    try:
        with app_state().database.transaction() as session:
            opened = codes.redeem_for_address(session, app_state().sealer, email, typed, sessions.client())
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        return error_pages.too_many_requests(error, _page(form))
    if opened is None:
        form.problem("code", refusal())
        return _page(form)
    browser[opened.purpose] = opened.secret
    return redirect(url_for(OPENED[opened.purpose]))


def empty_code_form() -> CodeForm:
    """The form, with the address filled in if this browser asked for a mail."""
    return CodeForm(formdata=None, email=browser.get(ASKED_FOR, ""))


def refusal() -> str:
    """What somebody is told whose code opened nothing, whatever the reason."""
    return _("This code is wrong, has expired, or belongs to another address. Check it, or request a new email.")


def _page(form: CodeForm) -> str:
    return render_template("accounts/enter_code.html", form=form)
