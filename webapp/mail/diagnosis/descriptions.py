"""The wording of failures for which there is no reply of a server, by their code."""

from collections.abc import Iterator
from datetime import datetime

from flask_babel import lazy_gettext as _

from webapp.core import i18n, network_errors
from webapp.core.formatting import format_datetime
from webapp.mail.transcript import Stage
from webapp.providers import Failure

TEXTS = {
    # Of a mail server.
    "line_too_long": _("The reply has a line longer than %(limit)s characters."),
    "message_expired": _("The server took so long that the message expired."),
    "no_common_mechanism": _("The server offers no way to sign in with a password."),
    "authentication_not_offered": _("The server doesn't offer authentication on this connection."),
    "not_smtp": _("The reply is not SMTP: %(reply)s"),
    "no_address_of_family": _("The host has no %(family)s address."),
    "plain_text_after_starttls": _("The server continued in plain text after agreeing to STARTTLS."),
    "plugin_failed": _("The plugin for %(provider)s failed: %(error)s."),
    "out_of_step": _("The server's replies don't fit the commands: %(reply)s"),
    "reply_too_long": _("The reply has more than %(limit)s lines."),
    "8bitmime_not_offered": _("The email contains 8-bit characters, which the server doesn't accept (8BITMIME)."),
    "smtputf8_not_offered": _("The server doesn't accept addresses with non-ASCII characters (SMTPUTF8)."),
    "sender_needs_smtputf8": _("The server doesn't accept a Mail From address with non-ASCII characters (SMTPUTF8)."),
    "starttls_stripped": _("The server's offer of STARTTLS was overwritten on the way."),
    "starttls_not_offered": _("The server doesn't offer STARTTLS."),
    "tokens_not_offered": _("The server doesn't offer authentication with an access token."),
    "unconfirmed": _("The server got the whole message but didn't confirm it: %(error)s"),
    "unknown_authentication": _("%(provider)s has no authentication method named %(name)s."),
    # Of an access token that a mail server rejected, besides the server's reply.
    "token_as_expected": _("The contents of the access token are correct, so the cause lies elsewhere."),
    "token_role_as_expected": _("The access token has the required role, so the cause lies elsewhere."),
    "token_expired": _("The access token has expired."),
    "token_wrong_audience": _("The access token is for another service: %(value)s"),
    "token_wrong_mailbox": _("The access token is for another mailbox: %(value)s"),
    "token_wrong_role": _("The access token lacks the required role. It has: %(value)s"),
    "token_wrong_scope": _("The access token lacks the required scope. It has: %(value)s"),
    "token_wrong_tenant": _("The access token is for another tenant: %(value)s"),
    # Of the way to an access token.
    "cannot_unseal": _("The saved secrets can't be decrypted: MAILROOM_SECRET_KEY has changed."),
    "code_expired": _("There is no code, or it has expired."),
    "code_missing": _("The provider sent no authorization code."),
    "code_not_entered": _("The code hasn't been entered yet."),
    "invalid_url": _("The provider's URL is not a complete https URL."),
    "key_incomplete": _("The service account key lacks client_email or private_key."),
    "key_not_json": _("The service account key is not JSON."),
    "key_unreadable": _("The private_key in the service account key can't be read."),
    "missing_scopes": _("Not granted: %(scopes)s"),
    "no_access_token": _("The token endpoint's reply contains no access token."),
    "no_device_code": _("The reply to the device code request can't be used."),
    "no_public_url": _("Mailroom doesn't know its public URL yet."),
    "no_refresh_token": _("The reply contains no refresh token."),
    "no_token_lifetime": _("The reply contains no usable lifetime for the access token (expires_in)."),
    "not_generated": _("No access token has been generated yet."),
    "not_json": _("The token endpoint's reply is not JSON: HTTP %(status)s."),
    "not_oauth2": _("This mail server doesn't use OAuth2."),
    "plugin_missing": _("This provider's plugin is missing or broken."),
    "provider_unavailable": _("The token endpoint reported a temporary problem: HTTP %(status)s."),
    "refused_without_reason": _("The token endpoint refused the request without giving a reason: HTTP %(status)s."),
    "renewal_timeout": _("Timed out waiting for another worker to get the access token."),
    "settings_changed": _(
        "The provider's reply doesn't match the current settings, because they were changed during the sign-in."
    ),
    "token_url_no_reply": _("The token endpoint didn't reply: %(error)s"),
    "token_url_redirects": _(
        "The token endpoint redirects to another URL, which Mailroom doesn't follow: HTTP %(status)s."
    ),
    "token_url_unreachable": _("The token endpoint could not be reached: %(error)s"),
    "token_url_untrusted": _("The token endpoint's certificate was rejected: %(error)s"),
    "unknown_state": _("The provider's reply doesn't match any sign-in in progress in this browser."),
    "wrong_account": _("The account that signed in isn't the one entered as the user name: %(account)s"),
    "wrong_issuer": _("The reply came from a different issuer than the provider that was asked."),
    "wrong_origin": _("You opened Mailroom at %(here)s, but the provider sends the browser back to %(there)s."),
    "wrong_token_type": _("The access token's type is not Bearer."),
}
# Of a failure that was not tried again, because nothing has changed since.
ASKED_BEFORE = _(
    "The provider was asked on %(asked_at)s UTC. Mailroom asks it again when you send a test email, retry or save."
)
ASKED_AGAIN_LATER = _(
    "The provider was asked on %(asked_at)s UTC. Mailroom asks it again on %(retry_at)s UTC, or as soon as you send a "
    "test email, retry or save."
)
# What a mail server says of an access token before it rejects it, by the status (RFC 7628, 3.2.2; XOAUTH2 has HTTP's).
STATUSES = {
    "400": _("The mail server's reason: the access token isn't valid for this mailbox or this server."),
    "401": _("The mail server's reason: the access token isn't valid, or has expired."),
    "403": _("The mail server's reason: the access token doesn't permit sending email."),
    "invalid_request": _("The mail server's reason: it doesn't understand the sign-in."),
    "invalid_token": _("The mail server's reason: the access token isn't valid, or has expired."),
    "insufficient_scope": _("The mail server's reason: the access token doesn't permit sending email."),
}
OTHER_STATUS = _("The mail server's reason: %(status)s")
REQUIRED_SCOPE = _("It requires the scope %(scope)s.")


def describe(failure: Failure) -> str:
    """Return what is shown of a failure, in the reader's language: the server's reply, and Mailroom's own text."""
    # Beside a provider's reply, the code is the provider's, too, even if Mailroom has one of the same name.
    known = failure.code in TEXTS and not (failure.stage == Stage.TOKEN and failure.reply)
    text = _wording(failure) if known else ""
    if not known and not failure.reply:
        text = network_errors.describe(failure.code, failure.params)
    return "\n".join(filter(None, (failure.reply, *_reason(failure), text, _remembered(failure))))


def describe_token(failure: Failure) -> str:
    """Return what is wrong, or not, with the access token that a mail server rejected; nothing if that isn't known."""
    return _wording(failure) if failure.stage == Stage.AUTH and failure.code.startswith("token_") else ""


def _reason(failure: Failure) -> Iterator[str]:
    """Return what the mail server said of an access token besides its reply."""
    status, scope = failure.params.get("auth_status", ""), failure.params.get("auth_scope", "")
    if status:
        yield str(STATUSES.get(status.casefold(), OTHER_STATUS)) % i18n.isolate({"status": status})
    if scope:
        yield str(REQUIRED_SCOPE) % i18n.isolate({"scope": scope})


def _remembered(failure: Failure) -> str:
    """Return when the failure happened, if that was before the attempt, and when the provider is asked again."""
    moments = {name: failure.params[name] for name in ("asked_at", "retry_at") if name in failure.params}
    if "asked_at" not in moments:
        return ""
    shown = {name: format_datetime(datetime.fromisoformat(moment)) for name, moment in moments.items()}
    return str(ASKED_AGAIN_LATER if "retry_at" in shown else ASKED_BEFORE) % i18n.isolate(shown)


def _wording(failure: Failure) -> str:
    params = dict(failure.params)
    if "cause" in params:
        cause = params.pop("cause")
        shown = str(TEXTS[cause]) % i18n.isolate(params) if cause in TEXTS else network_errors.describe(cause, params)
        params["error"] = shown
    return str(TEXTS[failure.code]) % i18n.isolate(params)
