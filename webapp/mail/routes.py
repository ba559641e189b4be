"""The mail server page: choose a provider, save, send a test mail."""

from typing import Any
from urllib.parse import parse_qsl

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.access import signed_in
from webapp.accounts.sign_ins import sessions
from webapp.context import parts
from webapp.mail import drafts, opening, service, view
from webapp.mail.expiries.calendar import calendar
from webapp.mail.forms import COLUMNS, SECRETS, MailServerForm, mail_server_form
from webapp.mail.grants import consent
from webapp.mail.grants import view as grant_view
from webapp.mail.models import MailServer
from webapp.mail.service import Draft, Saved
from webapp.mail.trial import Trial, stage_name, try_out
from webapp.outbox.flow import flow
from webapp.outbox.meaning import meaning
from webapp.providers import Provider
from webapp.sealing import SealBroken
from webapp.security import csrf, leading_on
from webapp.settings import service as general_settings
from webapp.texts import in_words

blueprint = Blueprint("mail", __name__)
log = structlog.get_logger(__name__)
LONGEST_SUGGESTION = 1000
# With another of these it is another secret that is asked for.
OTHER_SECRET = frozenset({"provider", "authentication"})


@blueprint.app_context_processor
def _words() -> dict[str, Any]:
    return {"in_words": in_words, "provider_label": _label, "stage_name": stage_name}


@blueprint.route("/settings/mail", methods=["GET", "POST"])
@csrf.exempt
def settings() -> Response:
    """Show the form; save it, test it, switch its provider, or take a suggestion."""
    saved = saved_server()
    if request.method == "GET":
        return _page(_form(saved, sent=False), saved)
    if "apply" in request.form:
        return _page(_corrected(saved), saved)
    if "test" in request.form and not _other_provider_than_shown():
        return _test(_form(saved, sent=True), saved)
    done = save_typed(saved)
    if not isinstance(done, Saved):
        return done
    if done.dropped_grant:
        flash(
            _("Saved. The access token was dropped, as it was made for other settings. Generate a new one."), "warning"
        )
    else:
        flash(_("Saved. It holds from now on; send a test mail to see that it works."), "success")
    return redirect(url_for("mail.settings"))


def saved_server() -> MailServer | None:
    """The saved mail server."""
    with parts().database.reading() as session:
        return service.primary(session)


def save_typed(saved: MailServer | None) -> Saved | Response:
    """Save what was typed, unless it is saved already; the page that says why not, when something is wrong."""
    if "choose" in request.form or _other_provider_than_shown():
        form = _switched(saved)
        return _page(form, saved, _typed(form))
    form = _form(saved, sent=True)
    valid = form.validate()
    draft = _typed(form)
    if not _has_secrets(form, draft, saved) or not valid:
        return _page(form, saved, draft)
    if saved is not None and "save" not in request.form and service.is_saved(saved, draft):
        return Saved(saved)
    try:
        with parts().database.writing() as session:
            return service.save(session, parts(), draft, by=signed_in().email)
    except service.SecretsMoved:
        saved = saved_server()
        _has_secrets(form, draft, saved)
        return _page(form, saved, draft)


def _test(form: MailServerForm, saved: MailServer | None) -> Response:
    valid = form.validate_for_test()
    draft = _typed(form)
    if not _has_secrets(form, draft, saved) or not valid:
        return _page(form, saved, draft)
    with parts().database.reading() as session:
        general = general_settings.general(session, parts().config)
    try:
        opened = opening.opened_draft(draft, saved, parts(), general)
    except SealBroken as error:
        log.warning("saved secret cannot be opened", error=str(error))
        form.problem("password", _("The saved secrets cannot be opened with today's secret key. Type them again."))
        return _page(form, saved, draft)
    return _page(form, saved, draft, try_out(parts(), opened, general, form.test_recipient.data or ""))


def _has_secrets(form: MailServerForm, draft: Draft, saved: MailServer | None) -> bool:
    """Whether every secret is typed or may be taken from the saved ones; errors stand at the fields."""
    lost = service.secrets_to_retype(parts(), saved, draft)
    needed = service.secret_names(parts(), draft) - {service.PROXY_PASSWORD} - form.optional()
    lacking = {name for name in needed if not draft.secrets.get(name) and not (saved and name in saved.secrets)}
    for name in sorted(lost | lacking):
        form.problem(name, _why_to_type(name, form, draft, saved if name in lost else None))
    return not lost | lacking


def _why_to_type(name: str, form: MailServerForm, draft: Draft, saved: MailServer | None) -> str:
    """What to say beside a blank secret: that it is needed, or why a saved or a typed one does not go along."""
    of_it = service.PROXY_DESTINATION if name == service.PROXY_PASSWORD else service.DESTINATION
    earlier = drafts.moved_since(parts().sealer, draft, form.typed.data or "", signed_in().id) & set(of_it)
    if earlier and not earlier & OTHER_SECRET:
        return _(
            "Type this again. What you typed before goes only where you typed it for, and this changed: %(fields)s.",
            fields=view.labels(form, earlier),
        )
    changed = service.moved(saved, draft) if saved is not None else OTHER_SECRET
    if changed & OTHER_SECRET & set(of_it):
        return _("Enter this: signing in needs it.")
    return _(
        "Type this again. The saved one stays with what it was saved for, and this changed: %(fields)s.",
        fields=view.labels(form, changed),
    )


def _form(saved: MailServer | None, sent: bool) -> MailServerForm:
    """The form for the provider that was sent, else for the saved one."""
    data = _values_of(saved)
    provider = provider_named(request.form.get("provider") if sent else None) or provider_named(data.get("provider"))
    chosen = provider or parts().providers[_any_provider()]
    if saved is None or chosen.key != saved.provider:
        data = drafts.switched("", data, provider_named(data.get("provider")), chosen)
    form = mail_server_form(chosen, parts().providers, data, sent)
    form.shown.data = chosen.key
    return form


def _switched(saved: MailServer | None) -> MailServerForm:
    """The form after choosing another provider, with everything that was typed."""
    before = provider_named(request.form.get("shown")) or provider_named(saved.provider if saved else None)
    chosen = provider_named(request.form.get("provider")) or before or parts().providers[_any_provider()]
    values = _typed_values(saved)
    if before is None or before.key != chosen.key:
        values = drafts.switched(request.form.get("kept", ""), values, before, chosen)
    form = mail_server_form(chosen, parts().providers, values, sent=False)
    form.typed.data = _typed_so_far(before, saved)
    return form


def _typed_so_far(before: Provider | None, saved: MailServer | None) -> str:
    """The secrets that were typed for the provider that is left, sealed: for when it is chosen again."""
    earlier = request.form.get("typed", "")
    if before is None:
        return earlier
    form = mail_server_form(before, parts().providers, _values_of(saved), sent=True)
    form.provider.data = before.key
    return drafts.seal_typed(parts().sealer, _typed(form), signed_in().id) or earlier


def _corrected(saved: MailServer | None) -> MailServerForm:
    """The form as typed, with the values that a diagnosis suggests; nothing is saved."""
    suggested = dict(parse_qsl(request.form["apply"][:LONGEST_SUGGESTION]))
    chosen = provider_named(request.form.get("provider")) or parts().providers[_any_provider()]
    values = _typed_values(saved) | {name: suggested[name] for name in COLUMNS if name in suggested}
    flash(_("The suggested values are filled in. Test them, then save."), "info")
    return mail_server_form(chosen, parts().providers, values, sent=False)


def _typed_values(saved: MailServer | None) -> dict[str, Any]:
    """What the form holds, its secrets excepted; what was not sent is as it was saved."""
    values = {**_values_of(saved), **request.form.to_dict()}
    return {name: value for name, value in values.items() if name not in ("csrf_token", "typed", *SECRETS)}


def _other_provider_than_shown() -> bool:
    """Whether another provider was chosen but its form was not shown yet (without JavaScript)."""
    shown, chosen = request.form.get("shown"), request.form.get("provider")
    return bool(shown and chosen and shown != chosen and chosen in parts().providers)


def _typed(form: MailServerForm) -> Draft:
    """The draft, with the secrets that were typed into this form earlier."""
    return drafts.with_typed(parts().sealer, form.draft(), form.typed.data or "", signed_in().id)


def _values_of(saved: MailServer | None) -> dict[str, Any]:
    if saved is None:
        return {}
    return {**{name: getattr(saved, name) for name in COLUMNS}, **saved.extra}


def provider_named(key: str | None) -> Provider | None:
    """The provider with this key, if its plugin is there."""
    return parts().providers[key] if key and key in parts().providers else None


def _label(key: str) -> str:
    """What a provider is called; its key when its plugin is gone."""
    return str(parts().providers[key].label) if key in parts().providers else key


def _any_provider() -> str:
    keys = [provider.key for provider in parts().providers]
    return "custom" if "custom" in keys else keys[0]


def _page(
    form: MailServerForm, saved: MailServer | None, draft: Draft | None = None, trial: Trial | None = None
) -> Response:
    """The page. A field never shows a secret; those that were typed travel on, sealed."""
    if draft:
        form.typed.data = drafts.seal_typed(parts().sealer, draft, signed_in().id) or form.typed.data
    if not form.test_recipient.data:
        form.test_recipient.data = signed_in().email
    state = flow(parts().database)
    with parts().database.reading() as session:
        ends = calendar(session, saved)
        diagnosis = meaning(session, parts(), state.stopped) if state.stopped else None
        general = general_settings.general(session, parts().config)
        grant = grant_view.of(session, parts(), saved, sessions.sign_in().id)
    same = saved is not None and saved.provider == form.chosen.key
    page = render_template(
        "mail/settings.html",
        form=form,
        provider=form.chosen,
        providers=parts().providers,
        saved=saved,
        saved_provider=provider_named(saved.provider) if saved else None,
        trial=trial,
        unsaved=draft is not None and not service.is_saved(saved, draft),
        flow=state,
        calendar=ends,
        diagnosis=diagnosis,
        suggestion=view.suggestion(form, trial.diagnosis) if trial and trial.diagnosis else "",
        grant=grant if same else grant_view.GrantView(),
        drops=grant.held,
        redirect_uri=consent.redirect_uri(general) if general.public_url else "",
        refused=grant_view.refused(parts(), saved),
        **view.of(form, saved, draft),
    )
    return leading_on(make_response(page), view.lead_elsewhere(form.chosen))
