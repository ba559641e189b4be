"""What the mail server page shows: the template's context, and where forms of the page may lead."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flask_babel import format_date, format_decimal
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from webapp.core import certificates, clock, formatting
from webapp.core.app_state import app_state
from webapp.core.certificates import CertificateFacts
from webapp.mail import servers
from webapp.mail.doctor import report
from webapp.mail.doctor.examination import Attempt, Examination, Fix
from webapp.mail.doctor.fixes import SECURITY_NAMES
from webapp.mail.expiry import service as expiries
from webapp.mail.expiry.service import Expiry, ExpiryState
from webapp.mail.filling import is_unchanged
from webapp.mail.grants import authorization
from webapp.mail.grants import service as grants
from webapp.mail.models import GrantStatus, MailServer
from webapp.mail.server_page import deliveries
from webapp.mail.server_page.form_state import FormResult, FormState
from webapp.mail.server_page.forms import MailServerForm
from webapp.mail.server_page.grant_view import GrantView, grant_view, pop_authorization_failure
from webapp.mail.servers import CLIENT_CERTIFICATE, CLIENT_SECRETS, LIMITS, ROUTE, TRUST, EnteredServer
from webapp.mail.service import can_work, stays_draft
from webapp.providers import OAuth2, Provider
from webapp.providers.registry import get_providers
from webapp.settings import service as settings

CONNECTION = ("host", "port", "security")
ADVANCED = (
    "tls_minimum", "timeout", *ROUTE, "proxy_type", "proxy_host", "proxy_port", "proxy_username", "proxy_password",
    *LIMITS, *TRUST, CLIENT_CERTIFICATE,
)  # fmt: skip
# Where forms may lead (CSP). A provider's URL that an administrator enters may be on this machine, to try one out.
PROVIDERS = ("https:",)
ENTERED_URLS = (*PROVIDERS, "http://127.0.0.1:*", "http://localhost:*")


def page_context(state: FormState, result: FormResult, test: Examination | None = None) -> dict[str, Any]:
    """Return the names that the template needs."""
    form, entered, saved, primary = result.form, result.entered, state.saved, state.primary
    provider, providers = form.chosen, get_providers()
    of_saved_provider = saved is not None and saved.provider == provider.key
    with app_state().database.read() as session:
        general = settings.general(session, app_state().config)
        grant = grant_view(session, saved)
        context = _servers_context(session, saved, primary)
        # Read anew: a test of it may have seen another certificate.
        expiry_dates = _expiry_dates(session, servers.by_id(session, saved.id) if saved else None)
        saves_draft = entered is not None and stays_draft(session, app_state().sealer, entered, state.server_id)
    is_draft = saved is not None and saved.is_draft
    return {
        "form": form,
        "saved": saved,
        "server_id": state.server_id,
        "saved_provider": providers.get(saved.provider) if saved else None,
        "is_draft": is_draft,
        "saves_draft": saves_draft,
        "primary": primary,
        "primary_provider": providers.get(primary.provider) if primary else None,
        **context,
        "unsaved": entered is not None and not is_unchanged(saved, entered),
        "expiry_dates": expiry_dates,
        "grant": grant if of_saved_provider else GrantView(),
        "discards_grant": grant.status is not GrantStatus.NONE,
        "keeps_grant_in_use": grant.status is GrantStatus.GENERATED and not is_draft,
        "authorization_failure": pop_authorization_failure(saved),
        "redirect_uri": authorization.redirect_uri(general) if general.public_url else "",
        "secret_is_saved": of_saved_provider and saved is not None and "client_secret" in saved.sealed_secrets,
        "secret_hint": _secret_hint(form, saved if of_saved_provider else None, entered),
        "client_certificate_is_saved": saved is not None and CLIENT_CERTIFICATE in saved.sealed_secrets,
        "trusted": {name: _facts(form[name].data) for name in TRUST},
        **_provider_context(form),
        **_test_context(form, test),
    }


def _facts(pem: str) -> list[CertificateFacts]:
    """Return what is shown of the certificates that a field holds; nothing if it holds something else."""
    try:
        return [CertificateFacts.of(one) for one in certificates.parse(pem)] if pem else []
    except ValueError:
        return []


def _servers_context(session: Session, saved: MailServer | None, primary: MailServer | None) -> dict[str, Any]:
    """Return the names for what the page says about other servers: which sends, which draft there is, of which one."""
    return {
        "primary_works": primary is not None and can_work(session, primary),
        "works": saved is not None and can_work(session, saved),
        "draft": servers.draft_of(session, saved),
        "replaced": servers.replaced_by(session, saved) if saved else None,
        "delivered": deliveries.of_servers(session, [saved.id])[saved.id]
        if saved and saved.position is not None
        else None,
        "is_locked": bool(servers.locked(session, saved)),
    }


def _provider_context(form: MailServerForm) -> dict[str, Any]:
    """Return the names for the parts of the form: what the chosen provider needs, and which parts to open."""
    provider, providers = form.chosen, get_providers()
    methods = provider.authentication_methods
    return {
        "provider": provider,
        "providers": providers,
        "requirements": {one.key: one.needs for one in providers},
        "methods": methods,
        "oauth2_methods": [method for method in methods if isinstance(method, OAuth2)],
        "secret_is_optional_for": [method.key for method in methods if "client_secret" in method.optional_fields],
        "auth_classes": lambda *names: _auth_classes(provider, *names),
        "limit_hint": partial(_limit_hint, provider),
        "open_sections": {"connection": _differs_from_provider(form), "advanced": _uses_advanced(form)},
        "connection_summary": _connection_summary(form),
    }


def _test_context(form: MailServerForm, test: Examination | None) -> dict[str, Any]:
    """Return the names for the result of a test, if there was one."""
    return {
        "test": test,
        "fix": _fix_label(form, test.fix) if test else "",
        "attempt_label": partial(_attempt_label, form),
        "tried": _by_outcome(test.tried) if test else {},
        "route_error": report.route_error,
        "report": report.to_text,
    }


def form_targets(provider: Provider) -> Sequence[str]:
    """Return where forms of the page may lead besides Mailroom: to the provider's sign-in page, and on from there."""
    method = provider.authentication_named("authorization_code")
    if not isinstance(method, OAuth2):
        return ()
    return PROVIDERS if method.token_url else ENTERED_URLS


def _expiry_dates(session: Session, saved: MailServer | None) -> list[Expiry]:
    """Return the expiry dates to show; that of a secret only if the server has the secret or a date is known."""
    if saved is None or saved.is_draft:
        return []
    return [
        expiry
        for expiry in expiries.expiries_of(saved, grants.get(session, saved.id), clock.now())
        if expiry.subject not in CLIENT_SECRETS
        or expiry.state is not ExpiryState.UNKNOWN
        or expiry.subject in saved.sealed_secrets
    ]


def _auth_classes(provider: Provider, *names: str) -> str:
    """Return the classes of a part of the page with these fields; empty if no authentication uses them.

    The style sheet hides what the chosen authentication doesn't use, so it works without scripts.
    """
    methods = [method.key for method in provider.authentication_methods if set(names) & set(method.fields)]
    return " ".join(["auth-method", *(f"auth-{key}" for key in methods)]) if methods else ""


def _fix_label(form: MailServerForm, fix: Fix) -> str:
    """Return the label of the button that fills in the values of a fix and tests them; empty if there are none."""
    values = {name: value for name, value in fix.values.items() if name in form}
    if values and values.keys() <= {"port", "security"}:
        port, security = values.get("port", form.port.data), values.get("security", form.security.data or "")
        security = SECURITY_NAMES.get(security, security)
        return _("Use port %(port)s with %(security)s and try again", port=port, security=security)
    if len(values) == 1:
        [(name, value)] = values.items()
        return _("Set %(field)s to %(value)s and try again", field=form[name].label.text, value=value)
    return _("Use the suggested values and try again") if values else ""


def _by_outcome(attempts: Sequence[Attempt]) -> dict[str, list[Attempt]]:
    """Return the attempts by how they failed, as all ports often do the same; the key of those that worked is empty."""
    found: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        found.setdefault(report.outcome(attempt), []).append(attempt)
    return found


def _attempt_label(form: MailServerForm, attempt: Attempt) -> str:
    """Return what was tried, such as `587 (STARTTLS)` or `User name: ada`."""
    if attempt.is_port:
        return f"{attempt.port} ({SECURITY_NAMES.get(attempt.security) or _('not encrypted')})"
    return formatting.format_list(f"{form[name].label.text}: {value}" for name, value in attempt.values.items())


def _secret_hint(
    form: MailServerForm, saved: MailServer | None, entered: EnteredServer | None
) -> Callable[[str, Any], str]:
    def hint(name: str, note: Any) -> str:
        sentences = [str(note)] if note else []
        if entered is not None and entered.secrets.get(name):
            sentences.append(_("Your last entry was kept. Leave blank to use it again."))
        elif saved is not None and name in saved.sealed_secrets and not form[name].errors:
            day = format_date(datetime.fromisoformat(saved.sealed_secrets[name]["saved_at"]), "medium")
            sentences.append(_("Saved on %(day)s. Leave blank to keep the saved value.", day=day))
        return " ".join(sentences)

    return hint


def _limit_hint(provider: Provider, name: str) -> str:
    most = getattr(provider.limits, name.removeprefix("limit_"))
    if most is None:
        hint = _("Leave blank for no limit.")
    else:
        hint = _("%(provider)s allows %(number)s.", provider=provider.label, number=format_decimal(most))
    return " ".join(filter(None, [hint, str(provider.notes.get(name, ""))]))


def _differs_from_provider(form: MailServerForm) -> bool:
    """Return whether the connection is worth a look: not the provider's own, incomplete or wrong."""
    connection = form.chosen.connection
    entered = (form.host.data, str(form.port.data), form.security.data)
    differs = entered != (connection.host, str(connection.port), connection.security)
    return differs or not form.host.data or any(form[name].errors for name in CONNECTION)


def _uses_advanced(form: MailServerForm) -> bool:
    limited = any(form[name].data is not None for name in LIMITS)
    routed = any(form[name].data != usual for name, usual in ROUTE.items())
    is_set = (
        form.proxy_type.data != "none" or limited or routed or any(form[name].data for name in (*TRUST, "goes_back"))
    )
    return is_set or any(form[name].errors for name in ADVANCED)


def _connection_summary(form: MailServerForm) -> str:
    if not form.host.data or form.host.errors:
        return ""
    names = {**SECURITY_NAMES, "none": _("not encrypted")}
    return f"{form.host.data}:{form.port.data or ''}, {names.get(form.security.data or '', '')}"
