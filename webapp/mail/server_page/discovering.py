"""Fill the form with the settings of the mail service that a domain or an address leads to. Nothing is saved."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from flask import flash
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from webapp.core import rate_limits
from webapp.core.app_state import app_state
from webapp.core.domain_lists import NotADomain
from webapp.core.email_addresses import InvalidEmailAddress
from webapp.core.rate_limits import Limit
from webapp.mail.discovery import service
from webapp.mail.discovery.service import Found, NotFound, Source
from webapp.mail.server_page.form_state import FormResult, FormState
from webapp.web import csrf

FIELD = "discover_for"
# Each makes this machine ask several others.
LIMIT = Limit("mail services looked for", 20, timedelta(minutes=10))


def is_asked(posted: Mapping[str, str]) -> bool:
    """Return whether a service is looked for: by its button, or by Enter while its field is filled in."""
    return "discover" in posted or (posted.get("test") == "enter" and bool(posted.get(FIELD, "").strip()))


def discover(state: FormState) -> FormResult:
    """Return the form with what was found, or with the reason beside the field; everything else as entered."""
    csrf.require_valid_token()
    try:
        asked = service.parse(state.posted.get(FIELD, ""))
    except (InvalidEmailAddress, NotADomain):
        return _with_error(state, _("Enter a domain such as example.com, or an email address."))
    with app_state().database.transaction() as session:
        if not rate_limits.try_consume(session, LIMIT, str(state.user_id)):
            return _with_error(state, _("Too many searches in a short time. Try again in a few minutes."))
    found = service.find(asked, list(state.providers), app_state().config.name_server_addresses)
    if isinstance(found, NotFound):
        result = _with_error(state, _not_found(asked.domain, found))
        if found.exists and not result.form.mail_from.data:
            result.form.mail_from.data = asked.address
        return result
    flash(_found(asked.domain, found), "success")
    return _filled(state, found, asked.address)


def _filled(state: FormState, found: Found, address: str) -> FormResult:
    settings = found.settings
    provider = (found.provider or state.providers.default).key
    posted = MultiDict(state.posted)
    posted["provider"] = provider
    posted[FIELD] = ""
    result = replace(state, posted=posted).after_switch()
    values: dict[str, object] = {
        "host": settings.host,
        "port": settings.port,
        "security": settings.security,
        **({"username": settings.username} if settings.username else {}),
        **({"mail_from": address} if address and not result.form.mail_from.data else {}),
    }
    values = {name: value for name, value in values.items() if name not in state.locked}
    for name, value in values.items():
        result.form[name].data = value
    entered = result.entered and replace(result.entered, values={**result.entered.values, **values})
    return replace(result, entered=entered)


def _with_error(state: FormState, text: str) -> FormResult:
    # As it is shown, so that no other field is judged.
    posted = MultiDict(state.posted)
    posted["provider"] = posted.get("shown_provider") or posted.get("provider", "")
    result = replace(state, posted=posted).after_switch()
    result.form.add_error(FIELD, text)
    return result


def _found(domain: str, found: Found) -> str:
    server = f"{found.settings.host}:{found.settings.port}"
    name = str(found.provider.label) if found.provider else server
    values = {"domain": domain, "name": name, "evidence": found.evidence}
    texts = {
        Source.DOMAIN: _("%(domain)s is a domain of %(name)s.", **values),
        Source.MX: _("%(name)s receives the email of %(domain)s (MX record %(evidence)s).", **values),
        Source.AUTOCONFIG: _("Found %(name)s in what %(domain)s publishes for mail programs: %(evidence)s", **values),
        Source.SRV: _("Found %(name)s in the DNS of %(domain)s (SRV record %(evidence)s).", **values),
    }
    filled = _("The form is filled in, and nothing is saved. Check that this is your mail service.")
    return f"{texts[found.source]} {filled}"


def _not_found(domain: str, found: NotFound) -> str:
    if found.unanswered:
        return _(
            "The name servers gave no answer for %(domain)s. Try again, or enter the settings by hand.", domain=domain
        )
    if not found.exists:
        return _("%(domain)s doesn't exist in the DNS. Check the spelling.", domain=domain)
    return _(
        "%(domain)s doesn't publish its settings. Ask your mail service for the host, port and security, and enter "
        "them below.",
        domain=domain,
    )
