"""What failures on the way to an access token mean, whoever the provider is.

Refusals are matched by the error codes of RFC 6749 (4.1.2.1, 5.2), RFC 8628 (3.5) and OpenID
Connect Core (3.1.2.6); a provider's own explanations, for the words that follow, are asked first.
"""

from flask_babel import lazy_gettext as _

from webapp.mail.diagnosis.certificate_rules import CERTIFICATES
from webapp.mail.oauth import words
from webapp.providers import Diagnosis
from webapp.providers.oauth2 import NO_TOKENS

AGAIN = _("Choose “Generate access token” and sign in again.")
CHECK_CLIENT = _(
    "Copy the client ID and the client secret again from the provider's page; both are whole, without spaces."
)
PASSES = _("Nothing to do if it passes: Mailroom tries again by itself, and waiting mail is kept.")

NOT_GENERATED = Diagnosis(
    _("Nobody has signed in to the provider yet, so there is no access token."),
    [_("Open Settings → Mail server and choose “Generate access token”.")],
)
UNREACHED = Diagnosis(
    _("The provider's token address could not be reached, so there is no access token to sign in with."),
    [
        _("Check that this machine may open web connections to the provider, through the proxy if one is set."),
        _("If the token address was entered by hand, check its spelling."),
        PASSES,
    ],
)
UNANSWERED = Diagnosis(
    _("The provider did not answer the request for an access token in time, or broke off."), [PASSES]
)
TROUBLED = Diagnosis(
    _("The provider cannot give out access tokens at the moment."),
    [PASSES, _("If it lasts, look at the provider's status page.")],
)
REDIRECTED = Diagnosis(
    _("The token address sends Mailroom elsewhere. Secrets are not sent on to other addresses."),
    [_("Enter the token address as the provider's documentation gives it, not that of a page.")],
)
NOT_TOKENS = Diagnosis(
    _("What answers at the token address gave no token that can be used."),
    [
        _("Check the token address: a web page or another service may be answering there."),
        _("If it is your own server, its log says what it answered; the words below say what is wrong with it."),
    ],
)
NO_ADDRESS = Diagnosis(
    _("The provider's address cannot be used: tokens and secrets are sent only over https."),
    [_("Enter whole addresses that start with https://.")],
)
BAD_KEY = Diagnosis(
    _("The service account's key is not a whole key file."),
    [_("Create a new key of the type JSON on the provider's page, and paste the whole file.")],
)
GRANT_ENDED = Diagnosis(
    _("The provider no longer accepts the sign-in: it was withdrawn, has expired, or the password was changed."),
    [AGAIN],
)
INTERRUPTED = Diagnosis(
    _(
        "Mailroom was interrupted while it renewed the access token, and the provider does not accept the former "
        "sign-in a second time."
    ),
    [AGAIN],
)
BAD_CLIENT = Diagnosis(
    _("The provider does not accept this client secret: it or the client ID is wrong, or it has expired."),
    [
        CHECK_CLIENT,
        _("If the provider calls the application public, it has no secret; if it calls it confidential, it needs one."),
        _("If the secret has expired, create a new one, enter it here and generate the access token again."),
    ],
)
NOT_ALLOWED = Diagnosis(
    _("The provider does not allow this application to sign in in this way."),
    [
        _("On the provider's page, allow the application this way to sign in and the permission to send mail."),
        CHECK_CLIENT,
    ],
)
BAD_SCOPE = Diagnosis(
    _("The provider does not know the scopes that were asked for, or does not give them to this application."),
    [_("Compare the scopes with the provider's documentation, and allow them for the application.")],
)
DENIED = Diagnosis(
    _("The request was declined: by the person who signed in, or by a rule of the organisation."),
    [
        _("Choose “Generate access token” again and allow what the provider asks."),
        _("If the provider did not let you choose, an administrator there has to allow the application."),
    ],
)
WANTS_A_PERSON = Diagnosis(
    _("The provider wants to see a person: a sign-in, a consent or a second factor is due."), [AGAIN]
)
BAD_REQUEST = Diagnosis(
    _("The provider did not understand the request. Its own words below say why."),
    [_("Check the client ID, the addresses and the scopes against the provider's documentation.")],
)
CODE_EXPIRED = Diagnosis(
    _("Nobody typed the code in time, so it has expired."), [_("Choose “Generate access token” for a new code.")]
)
UNKNOWN_STATE = Diagnosis(
    _(
        "This sign-in was not begun here by you, is finished already, took too long, or the settings were changed "
        "meanwhile. Nothing was saved."
    ),
    [
        _("Choose “Generate access token” on this page, and finish in the same browser."),
        _("If it happens again, check that the public address (Settings → General) is the one in your browser."),
    ],
)
NO_PUBLIC_ADDRESS = Diagnosis(
    _("The provider has to send your browser back, and Mailroom does not know its own public address yet."),
    [_("Enter the public address under Settings → General, then choose “Generate access token” again.")],
)
OTHER_ADDRESS = Diagnosis(
    _("The provider would send your browser back to another address, where you are not signed in."),
    [
        _("Open Mailroom at its public address, sign in there and choose “Generate access token”."),
        _("If the public address is wrong, correct it under Settings → General, and the redirect URI at the provider."),
    ],
)
NOT_SIGNED_IN = Diagnosis(
    _("The provider's answer came to a browser in which no administrator is signed in. Nothing was saved."),
    [_("Sign in and choose “Generate access token” again; finish in the same browser.")],
)
WRONG_ISSUER = Diagnosis(
    _("The answer came from another provider than was asked. This can be an attack, so nothing was saved."),
    [_("Check the authorize address, then choose “Generate access token” again.")],
)
WRONG_ACCOUNT = Diagnosis(
    _("Another account than the user name signed in, so nothing was saved."),
    [
        _("Sign out at the provider, or use a private window, and sign in with the account of the user name."),
        _("Or enter the account that signed in as the user name, save, and generate the access token again."),
    ],
)
MISSING_SCOPES = Diagnosis(
    _("The provider granted less than sending mail needs, so nothing was saved."),
    [
        _("Choose “Generate access token” again and leave every box ticked."),
        _("Allow the missing permission for the application on the provider's page."),
    ],
)
NO_REFRESH_TOKEN = Diagnosis(
    _("The provider gave a short-lived access token alone: mail would stop within the hour, so nothing was saved."),
    [
        _("Ask for lasting access: most providers want the scope offline_access, some a setting of the application."),
        _("If the account signed in before, remove the application's access on its page and generate again."),
    ],
)
SAID_NO = Diagnosis(
    _("The provider refused to give an access token. Its own words below say why."),
    [AGAIN, _("Pass the words on to whoever runs the provider if they do not help.")],
)

BAD_TOKEN = Diagnosis(
    _("The mail server does not accept the access token for this user name."),
    [
        _("Check that the user name is the account that signed in, or a mailbox that the application may send as."),
        _("Check that the scopes are those that sending mail needs, then generate the access token again."),
        _("If the mailbox is not allowed to send by SMTP, have its administrator allow it."),
    ],
)
TOKEN_EXPIRED = Diagnosis(
    _("The access token had expired when it was used: the clock of this machine is probably wrong."),
    [_("Correct the date and time of this machine.")],
)
NO_TOKENS_TAKEN = Diagnosis(
    _("The mail server takes no access tokens on this connection, so OAuth2 is no use there."),
    [
        _("Check host and port, and that Security is STARTTLS or TLS."),
        _("If the server is right, choose Password as the sign-in."),
    ],
)
CHANGED_KEY = Diagnosis(
    _("What was saved cannot be opened with today's secret key."),
    [_("Type the client secret again and save."), AGAIN],
)
NO_OAUTH2 = Diagnosis(
    _("The saved mail server does not sign in with OAuth2, or its plugin is missing."),
    [_("Choose the provider and OAuth2 as the sign-in, and save before you generate the access token.")],
)

# By our own words, where the provider said nothing; all others are about an answer that is no use.
WORDS = {
    words.NOT_GENERATED: NOT_GENERATED,
    words.NOT_REACHED: UNREACHED,
    words.NO_ANSWER: UNANSWERED,
    words.REDIRECTS: REDIRECTED,
    words.TROUBLE: TROUBLED,
    words.WAITED: TROUBLED,
    words.BAD_ADDRESS: NO_ADDRESS,
    words.KEY_NOT_JSON: BAD_KEY,
    words.KEY_NOT_WHOLE: BAD_KEY,
    words.KEY_UNREADABLE: BAD_KEY,
    words.SEAL_BROKEN: CHANGED_KEY,
    words.NO_PLUGIN: NO_OAUTH2,
    words.NO_OAUTH2: NO_OAUTH2,
    words.OTHER_ACCOUNT: WRONG_ACCOUNT,
    words.NOT_GRANTED: MISSING_SCOPES,
    words.NO_REFRESH_TOKEN: NO_REFRESH_TOKEN,
    words.OTHER_ISSUER: WRONG_ISSUER,
    words.NO_PUBLIC_ADDRESS: NO_PUBLIC_ADDRESS,
    words.OTHER_ADDRESS: OTHER_ADDRESS,
    words.NOT_SIGNED_IN: NOT_SIGNED_IN,
    words.UNKNOWN_STATE: UNKNOWN_STATE,
    words.CHANGED_SETTINGS: UNKNOWN_STATE,
    words.CODE_EXPIRED: CODE_EXPIRED,
}
REFUSALS = {
    "interrupted": INTERRUPTED,
    "invalid_grant": GRANT_ENDED,
    "invalid_client": BAD_CLIENT,
    "unauthorized_client": NOT_ALLOWED,
    "unsupported_grant_type": NOT_ALLOWED,
    "unsupported_response_type": NOT_ALLOWED,
    "invalid_scope": BAD_SCOPE,
    "access_denied": DENIED,
    "admin_policy_enforced": DENIED,
    "interaction_required": WANTS_A_PERSON,
    "login_required": WANTS_A_PERSON,
    "consent_required": WANTS_A_PERSON,
    "account_selection_required": WANTS_A_PERSON,
    "expired_token": CODE_EXPIRED,
    "invalid_request": BAD_REQUEST,
    "redirect_uri_mismatch": BAD_REQUEST,
    "temporarily_unavailable": TROUBLED,
    "server_error": TROUBLED,
    "internal_failure": TROUBLED,
    "rate_limit_exceeded": TROUBLED,
}


def diagnose_authentication(reply: str, error: str) -> Diagnosis | None:
    """The diagnosis of a mail server's refusal of an access token."""
    if error:
        return NO_TOKENS_TAKEN if error == NO_TOKENS else None
    if not reply.startswith(("535", "334")):
        return None
    return TOKEN_EXPIRED if "token: expired" in reply else BAD_TOKEN


def explained(reply: str, error: str) -> Diagnosis:
    """The diagnosis of a failure at the token endpoint or of a sign-in: its words always have one."""
    if reply:
        return REFUSALS.get(reply.split(" ")[0], SAID_NO)
    if "CERTIFICATE_VERIFY_FAILED" in error:
        return next((one for text, one in CERTIFICATES.items() if text in error.casefold()), UNREACHED)
    found = (diagnosis for text, diagnosis in WORDS.items() if error.startswith(text.partition("%(")[0]))
    return next(found, NOT_TOKENS)
