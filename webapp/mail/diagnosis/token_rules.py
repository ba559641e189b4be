"""What failures on the way to an access token mean, for every provider.

Refusals are matched by the error codes of RFC 6749 (4.1.2.1, 5.2), RFC 8628 (3.5) and OpenID
Connect Core (3.1.2.6). A provider's own rules, which match the descriptions, are tried first.
"""

from flask_babel import lazy_gettext as _

from webapp.mail.diagnosis.certificate_rules import diagnose_certificate
from webapp.providers import Cause, Diagnosis, Failure

GENERATE_AGAIN = _("Choose “Generate access token” and sign in again.")
CHECK_CLIENT = _("Copy the client ID and client secret from the provider's page again, in full and without spaces.")
TEMPORARY = _("If it's temporary, try again in a few minutes. Email that is waiting is retried automatically.")
ASK_AGAIN = _("Then send a test email: it asks the provider for an access token again at once.")

NOT_GENERATED = Diagnosis(
    _("There is no access token, because the sign-in with the provider hasn't been completed yet."),
    [_("Choose “Generate access token” on the Mail server page.")],
)
TOKEN_URL_UNREACHABLE = Diagnosis(
    _("The provider's token URL could not be reached, so there is no access token to sign in with."),
    [
        _("Check that this machine can make HTTPS connections to the provider, through the proxy if one is set."),
        _("If you entered the token URL yourself, check its spelling."),
        TEMPORARY,
    ],
)
NO_TOKEN_REPLY = Diagnosis(
    _("The provider didn't reply to the access token request in time, or the connection was lost."), [TEMPORARY]
)
PROVIDER_UNAVAILABLE = Diagnosis(
    _("The provider can't issue access tokens at the moment."),
    [TEMPORARY, _("If the problem persists, check the provider's status page.")],
)
REDIRECTED = Diagnosis(
    _("The token URL redirects to another URL. Mailroom doesn't send secrets there."),
    [_("Enter the token URL from the provider's documentation, not the URL of a web page.")],
)
UNUSABLE_REPLY = Diagnosis(
    _("The token URL didn't return a usable access token."),
    [
        _("Check the token URL: it may belong to a web page or another service."),
        _(
            "If it's your own server, check its log for the reply it sent. The error below says "
            "what is wrong with that reply."
        ),
    ],
)
INVALID_URL = Diagnosis(
    _("The provider's URL can't be used: tokens and secrets are sent only over https."),
    [_("Enter complete URLs that start with https://.")],
)
BAD_SERVICE_ACCOUNT_KEY = Diagnosis(
    _("The service account key is not a complete key file."),
    [_("Create a new JSON key on the provider's page, and paste the whole file.")],
)
GRANT_ENDED = Diagnosis(
    _(
        "The provider no longer accepts the OAuth2 authorization: it was revoked, it expired, "
        "or the password was changed."
    ),
    [GENERATE_AGAIN],
)
REFRESH_INTERRUPTED = Diagnosis(
    _(
        "Mailroom was interrupted while refreshing the access token, and the provider doesn't "
        "accept the previous refresh token a second time."
    ),
    [GENERATE_AGAIN],
)
BAD_CLIENT = Diagnosis(
    _("The provider rejected the client secret: it or the client ID is wrong, or the secret has expired."),
    [
        CHECK_CLIENT,
        _("If the provider lists the application as public, it has no client secret; if confidential, it needs one."),
        _("If the secret has expired, create a new one, enter it here, and generate the access token again."),
    ],
)
NOT_ALLOWED = Diagnosis(
    _("The provider doesn't allow this application to sign in this way."),
    [
        _("On the provider's page, allow the application to use this OAuth2 method and to send email."),
        CHECK_CLIENT,
    ],
)
BAD_SCOPE = Diagnosis(
    _("The provider doesn't know the requested scopes, or doesn't grant them to this application."),
    [_("Compare the scopes with the provider's documentation, and allow them for the application.")],
)
DENIED = Diagnosis(
    _("The request was declined by the person who signed in, or by an organization policy."),
    [
        _("Choose “Generate access token” again and allow what the provider asks for."),
        _("If the provider didn't let you choose, ask an administrator there to allow the application."),
    ],
)
NEEDS_USER = Diagnosis(
    _("The provider requires someone to sign in, give consent or confirm a second factor."), [GENERATE_AGAIN]
)
BAD_REQUEST = Diagnosis(
    _("The provider didn't understand the request. Its reply, below, says why."),
    [_("Check the client ID, the URLs and the scopes against the provider's documentation.")],
)
NOT_REGISTERED = Diagnosis(
    _("The redirect URI of this page isn't registered for the application at the provider."),
    [
        _("On the provider's page, add the redirect URI shown here to the application, exactly as it is."),
        GENERATE_AGAIN,
    ],
)
NO_TENANT = Diagnosis(
    _("The provider doesn't know this tenant."),
    [_("Compare the tenant in the settings and URLs with the provider's page."), GENERATE_AGAIN],
)
ONE_TENANT = Diagnosis(
    _("The application belongs to one tenant, but the tenant ID entered here stands for any."),
    [
        _("In the URLs, enter the Directory (tenant) ID from the app's Overview page instead of common."),
        _("Or allow accounts in any organizational directory in the app, under Authentication."),
        GENERATE_AGAIN,
    ],
)
CODE_EXPIRED = Diagnosis(
    _("The code expired before it was entered."), [_("Choose “Generate access token” to get a new code.")]
)
UNKNOWN_STATE = Diagnosis(
    _(
        "This sign-in wasn't started here by you, is already finished, took too long, or the "
        "settings changed in the meantime. Nothing was saved."
    ),
    [
        _("Choose “Generate access token” on this page, and finish in the same browser."),
        _("If it happens again, check that the public URL (Settings → General) matches the one in your browser."),
    ],
)
NO_PUBLIC_URL = Diagnosis(
    _("The provider needs to send your browser back, but Mailroom doesn't know its public URL yet."),
    [_("Enter the public URL under Settings → General, then choose “Generate access token” again.")],
)
WRONG_ORIGIN = Diagnosis(
    _("The provider would send your browser back to a different URL, where you aren't signed in."),
    [
        _("Open Mailroom at its public URL, sign in there and choose “Generate access token”."),
        _(
            "If the public URL is wrong, correct it under Settings → General, and update the "
            "redirect URI at the provider."
        ),
    ],
)
WRONG_ISSUER = Diagnosis(
    _(
        "The reply came from a different provider than the one that was asked. This could be "
        "an attack, so nothing was saved."
    ),
    [_("Check the authorization URL, then choose “Generate access token” again.")],
)
WRONG_ACCOUNT = Diagnosis(
    _("The account that signed in isn't the one entered as the user name, so nothing was saved."),
    [
        _("Sign out at the provider, or use a private window, and sign in with the account entered as the user name."),
        _("Or change the user name to the account that signed in, save, and generate the access token again."),
    ],
)
MISSING_SCOPES = Diagnosis(
    _("The provider didn't grant all the permissions needed to send email, so nothing was saved."),
    [
        _("Choose “Generate access token” again and leave every box selected."),
        _("Allow the missing permission for the application on the provider's page."),
    ],
)
MISSING_REFRESH_TOKEN = Diagnosis(
    _("The provider issued only a short-lived access token. Sending would stop within the hour, so nothing was saved."),
    [
        _(
            "Request long-term access: most providers require the scope offline_access, some a "
            "setting of the application."
        ),
        _(
            "If the account has signed in before, remove the application's access on the account's "
            "page at the provider, and generate the access token again."
        ),
    ],
)
TOKEN_REFUSED = Diagnosis(
    _("The provider refused to issue an access token. Its reply, below, says why."),
    [GENERATE_AGAIN, _("If that doesn't help, send the reply to the provider.")],
)

REJECTED_TOKEN = Diagnosis(
    _("The mail server rejected the access token for this user name."),
    [
        _(
            "Check that the user name is the account that signed in, or a mailbox that the "
            "application is allowed to send as."
        ),
        _("Check that the scopes are those required to send email, then generate the access token again."),
        _("If the mailbox isn't allowed to send by SMTP, ask its administrator to allow it."),
    ],
)
TOKEN_EXPIRED = Diagnosis(
    _("The access token had already expired when it was used. This machine's clock is probably wrong."),
    [_("Correct this machine's date and time.")],
)
TOKENS_NOT_ACCEPTED = Diagnosis(
    _("The mail server doesn't accept access tokens on this connection, so OAuth2 can't be used."),
    [
        _("Check the host and port, and that Security is STARTTLS or TLS."),
        _("If the server is correct, set Authentication to Password."),
    ],
)
CANNOT_UNSEAL = Diagnosis(
    _("The saved secrets can't be decrypted with the current secret key."),
    [_("Enter the client secret again and save."), GENERATE_AGAIN],
)
NO_OAUTH2 = Diagnosis(
    _("The saved mail server doesn't use OAuth2, or its plugin is missing."),
    [_("Choose the provider, set Authentication to OAuth2, and save before you generate the access token.")],
)

# By Mailroom's own codes, where the provider gave no error. All others are about a reply that cannot be used.
CODES = {
    "cannot_unseal": CANNOT_UNSEAL,
    "code_expired": CODE_EXPIRED,
    "invalid_url": INVALID_URL,
    "key_incomplete": BAD_SERVICE_ACCOUNT_KEY,
    "key_not_json": BAD_SERVICE_ACCOUNT_KEY,
    "key_unreadable": BAD_SERVICE_ACCOUNT_KEY,
    "missing_scopes": MISSING_SCOPES,
    "no_public_url": NO_PUBLIC_URL,
    "no_refresh_token": MISSING_REFRESH_TOKEN,
    "not_generated": NOT_GENERATED,
    "not_oauth2": NO_OAUTH2,
    "plugin_missing": NO_OAUTH2,
    "provider_unavailable": PROVIDER_UNAVAILABLE,
    "renewal_timeout": PROVIDER_UNAVAILABLE,
    "settings_changed": UNKNOWN_STATE,
    "token_url_no_reply": NO_TOKEN_REPLY,
    "token_url_redirects": REDIRECTED,
    "token_url_unreachable": TOKEN_URL_UNREACHABLE,
    "token_url_untrusted": TOKEN_URL_UNREACHABLE,
    "unknown_state": UNKNOWN_STATE,
    "wrong_account": WRONG_ACCOUNT,
    "wrong_issuer": WRONG_ISSUER,
    "wrong_origin": WRONG_ORIGIN,
}
# By the provider's error code.
REFUSALS = {
    "refresh_interrupted": REFRESH_INTERRUPTED,
    "invalid_grant": GRANT_ENDED,
    "invalid_client": BAD_CLIENT,
    "unauthorized_client": NOT_ALLOWED,
    "unsupported_grant_type": NOT_ALLOWED,
    "unsupported_response_type": NOT_ALLOWED,
    "invalid_scope": BAD_SCOPE,
    "access_denied": DENIED,
    "admin_policy_enforced": DENIED,
    "interaction_required": NEEDS_USER,
    "login_required": NEEDS_USER,
    "consent_required": NEEDS_USER,
    "account_selection_required": NEEDS_USER,
    "expired_token": CODE_EXPIRED,
    "invalid_request": BAD_REQUEST,
    "invalid_target": BAD_SCOPE,
    "invalid_resource": BAD_SCOPE,
    "invalid_tenant": NO_TENANT,
    "redirect_uri_mismatch": NOT_REGISTERED,
    "temporarily_unavailable": PROVIDER_UNAVAILABLE,
    "server_error": PROVIDER_UNAVAILABLE,
    "internal_failure": PROVIDER_UNAVAILABLE,
    "rate_limit_exceeded": PROVIDER_UNAVAILABLE,
}
# Microsoft's number, which comes with errors that mean something else. Its token URL may be entered by hand.
ONE_TENANT_NUMBER = "AADSTS50194:"


def diagnose_authentication(failure: Failure) -> Diagnosis | None:
    """Return the diagnosis of an access token that a mail server rejected."""
    if failure.code == "tokens_not_offered":
        return TOKENS_NOT_ACCEPTED
    if failure.cause not in (Cause.CREDENTIALS, Cause.TOKEN_REJECTED):
        return None
    return TOKEN_EXPIRED if failure.code == "token_expired" else REJECTED_TOKEN


def concerns_redirect_uri(reply: str) -> bool:
    """Return whether a provider says that it doesn't know the redirect URI, or reply address, as Microsoft calls it."""
    return any(name in reply.casefold() for name in ("redirect uri", "redirect_uri", "reply address", "reply url"))


def diagnose_token(failure: Failure) -> Diagnosis:
    """Return the diagnosis of a failure on the way to an access token."""
    if ONE_TENANT_NUMBER in failure.reply:
        return ONE_TENANT
    if failure.reply:
        refusal = REFUSALS.get(failure.code, TOKEN_REFUSED)
        return NOT_REGISTERED if concerns_redirect_uri(failure.reply) else refusal
    untrusted = diagnose_certificate(failure.params.get("cause", ""), failure.params)
    return untrusted or CODES.get(failure.code, UNUSABLE_REPLY)
