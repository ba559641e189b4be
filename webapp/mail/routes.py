"""The mail server page: choose a provider, save, send a test mail."""

from typing import Any
from urllib.parse import parse_qsl

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.access import signed_in
from webapp.context import parts
from webapp.mail import drafts, opening, service, view
from webapp.mail.forms import COLUMNS, SECRETS, MailServerForm, mail_server_form
from webapp.mail.models import MailServer
from webapp.mail.service import Draft
from webapp.mail.trial import Trial, stage_name, try_out
from webapp.outbox.flow import flow
from webapp.outbox.meaning import meaning
from webapp.providers import Provider
from webapp.sealing import SealBroken
from webapp.security import csrf
from webapp.settings import service as general_settings
from webapp.texts import in_words

blueprint = Blueprint("mail", __name__)
log = structlog.get_logger(__name__)
LONGEST_SUGGESTION = 1000


@blueprint.app_context_processor
def _words() -> dict[str, Any]:
    return {"in_words": in_words, "provider_label": _label, "stage_name": stage_name}


@blueprint.route("/settings/mail", methods=["GET", "POST"])
@csrf.exempt
def settings() -> str | Response:
    """Show the form; save it, test it, switch its provider, or take a suggestion."""
    with parts().database.reading() as session:
        saved = service.primary(session)
    if request.method == "GET":
        return _page(_form(saved, sent=False), saved)
    if "apply" in request.form:
        return _page(_corrected(saved), saved)
    if "choose" in request.form or _other_provider_than_shown():
        form = _switched(saved)
        return _page(form, saved, _typed(form))
    form = _form(saved, sent=True)
    if "test" in request.form:
        return _test(form, saved)
    return _save(form, saved)


def _save(form: MailServerForm, saved: MailServer | None) -> str | Response:
    valid = form.validate()
    draft = _typed(form)
    if not valid or not _has_secrets(form, draft, saved):
        return _page(form, saved, draft)
    try:
        with parts().database.writing() as session:
            service.save(session, parts(), draft, by=signed_in().email)
    except service.SecretsMoved:
        with parts().database.reading() as session:
            saved = service.primary(session)
        _has_secrets(form, draft, saved)
        return _page(form, saved, draft)
    flash(_("Saved. It holds from now on; send a test mail to see that it works."), "success")
    return redirect(url_for("mail.settings"))


def _test(form: MailServerForm, saved: MailServer | None) -> str:
    valid = form.validate_for_test()
    draft = _typed(form)
    if not valid or not _has_secrets(form, draft, saved):
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
    good = True
    for name in sorted(service.secrets_to_retype(parts(), saved, draft)):
        good = form.problem(name, _("Type this again: it would go to another place than the one it was saved for."))
    for name in sorted(service.secret_names(parts(), draft) - {service.PROXY_PASSWORD} - form.optional()):
        kept = saved is not None and name in saved.secrets
        if good and not kept and not draft.secrets.get(name):
            good = form.problem(name, _("Enter this: signing in needs it."))
    return good


def _form(saved: MailServer | None, sent: bool) -> MailServerForm:
    """The form for the provider that was sent, else for the saved one."""
    data = _values_of(saved)
    provider = _provider(request.form.get("provider") if sent else None) or _provider(data.get("provider"))
    chosen = provider or parts().providers[_any_provider()]
    if saved is None or chosen.key != saved.provider:
        data = drafts.switched("", data, _provider(data.get("provider")), chosen)
    form = mail_server_form(chosen, parts().providers, data, sent)
    form.shown.data = chosen.key
    return form


def _switched(saved: MailServer | None) -> MailServerForm:
    """The form after choosing another provider, with everything that was typed."""
    before = _provider(request.form.get("shown")) or _provider(saved.provider if saved else None)
    chosen = _provider(request.form.get("provider")) or before or parts().providers[_any_provider()]
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
    chosen = _provider(request.form.get("provider")) or parts().providers[_any_provider()]
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


def _provider(key: str | None) -> Provider | None:
    return parts().providers[key] if key and key in parts().providers else None


def _label(key: str) -> str:
    """What a provider is called; its key when its plugin is gone."""
    return str(parts().providers[key].label) if key in parts().providers else key


def _any_provider() -> str:
    keys = [provider.key for provider in parts().providers]
    return "custom" if "custom" in keys else keys[0]


def _page(
    form: MailServerForm, saved: MailServer | None, draft: Draft | None = None, trial: Trial | None = None
) -> str:
    """The page. A field never shows a secret; those that were typed travel on, sealed."""
    if draft:
        form.typed.data = drafts.seal_typed(parts().sealer, draft, signed_in().id) or form.typed.data
    if not form.test_recipient.data:
        form.test_recipient.data = signed_in().email
    state = flow(parts().database)
    with parts().database.reading() as session:
        diagnosis = meaning(session, parts(), state.stopped) if state.stopped else None
    return render_template(
        "mail/settings.html",
        form=form,
        provider=form.chosen,
        providers=parts().providers,
        saved=saved,
        saved_provider=_provider(saved.provider) if saved else None,
        trial=trial,
        flow=state,
        diagnosis=diagnosis,
        suggestion=view.suggestion(form, trial.diagnosis) if trial and trial.diagnosis else "",
        **view.of(form, saved, draft),
    )
