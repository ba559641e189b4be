"""Gmail and Google Workspace."""

from datetime import date, timedelta

from webapp.providers import (
    Cause,
    Connection,
    Diagnosis,
    DiagnosisRule,
    Dns,
    Limits,
    OAuth2,
    Password,
    Provider,
    _,
    hookimpl,
)

HELP = "https://support.google.com/accounts/answer/185833"
APP_PASSWORD_STEPS = [
    _("Sign in to the Google account and turn on 2-Step Verification (Security → 2-Step Verification)."),
    _("Open myaccount.google.com/apppasswords, enter a name such as Mailroom and choose Create."),
    _("Copy the 16 letters and paste them here as the password. Spaces don't matter."),
]
BAD_PASSWORD = Diagnosis(
    _("Google rejected this user name and password. A regular Google password never works here."),
    [_("Check that the user name is the account's full email address."), *APP_PASSWORD_STEPS],
    HELP,
)
APP_PASSWORD_REJECTED = Diagnosis(
    _(
        "Google rejected this user name and password, although the password looks like an app password. It was "
        "revoked, belongs to another account, or the organization doesn't allow app passwords."
    ),
    [
        _("Check that the user name is the full email address of the account that created the app password."),
        _(
            "Create a new app password at myaccount.google.com/apppasswords. All are revoked when the account's "
            "password is changed."
        ),
        _(
            "If that page says that app passwords aren't available, the Google Workspace administrator has turned "
            "them off: Google Admin console → Security → Authentication → 2-Step Verification."
        ),
        _("Or set Authentication to OAuth2, which needs no app password, and follow the steps shown for it."),
    ],
    HELP,
)
NEEDS_APP_PASSWORD = Diagnosis(
    _("The password is correct, but the account uses 2-Step Verification, so Google requires an app password."),
    APP_PASSWORD_STEPS[1:],
    HELP,
)
SUSPICIOUS = Diagnosis(
    _("Google considers this sign-in unusual and wants you to sign in with a browser first."),
    [_("Sign in to the account in a browser, confirm that it was you, then test again."), *APP_PASSWORD_STEPS],
    "https://support.google.com/mail/answer/78754",
)
TOO_OFTEN = Diagnosis(
    _("Too many sign-ins in a short time. Google is temporarily refusing more."),
    [_("Wait ten minutes, then test once.")],
)
DAILY_LIMIT = Diagnosis(
    _("The account has reached Google's daily sending limit."),
    [_("Sending works again within 24 hours. To send more email, use an email delivery service.")],
    "https://support.google.com/a/answer/166852",
)
RELAY_NOT_SET_UP = Diagnosis(
    _("Google's SMTP relay doesn't know this machine's IP address, or the domain that the email is from."),
    [
        _(
            "In the Google Admin console, open Apps → Google Workspace → Gmail → Routing → SMTP relay service, and add "
            "this machine's IP address."
        ),
        _("Set Mail From to an address in a domain of that organization."),
    ],
    "https://support.google.com/a/answer/2956491",
)
TOO_FAST = Diagnosis(
    _("Email is sent faster than Google accepts it from this account or organization."),
    [_("Waiting emails are retried automatically. If this was a test, repeat it later.")],
    "https://support.google.com/a/answer/166852",
)
WANTS_TLS = Diagnosis(
    _("Google accepts email only over an encrypted connection."),
    [_("Set Security to STARTTLS and Port to 587.")],
    fix={"security": "starttls", "port": "587"},
)

SCOPE = "https://mail.google.com/"
OAUTH2_HELP = "https://developers.google.com/workspace/gmail/imap/xoauth2-protocol"
DELEGATION_HELP = "https://support.google.com/a/answer/162106"
GRANT_EXPIRED = Diagnosis(
    _(
        "Google has ended the OAuth2 authorization. While the consent screen is in “Testing”, "
        "authorizations expire after seven days."
    ),
    [
        _("In the Google Cloud console, open Google Auth Platform → Audience and publish the app (In production)."),
        _(
            "Other possible causes: the account's password was changed, access was removed, or it "
            "wasn't used for six months."
        ),
        _("Then choose “Generate access token” and sign in again."),
    ],
    OAUTH2_HELP,
)
OTHER_CLIENT = Diagnosis(
    _(
        "Google rejected the OAuth2 authorization for this client ID: it was issued for "
        "another client ID, or was used twice."
    ),
    [
        _("Check that the client ID belongs to the app you signed in to."),
        _("Choose “Generate access token” and sign in again."),
    ],
)
UNKNOWN_CLIENT = Diagnosis(
    _("Google doesn't know this client ID, or the client secret is wrong or has been replaced."),
    [
        _(
            "In the Google Cloud console, open Google Auth Platform → Clients, choose the app and "
            "copy the client ID and client secret again."
        ),
        _("The client ID ends with .apps.googleusercontent.com. Neither value contains spaces."),
    ],
)
NOT_DELEGATED = Diagnosis(
    _("The service account isn't allowed to act for this mailbox: domain-wide delegation is missing."),
    [
        _("In the Google Admin console, open Security → API controls → Domain-wide delegation."),
        _("Add the service account's client ID with exactly this scope: https://mail.google.com/"),
        _("The user name must be a mailbox in that organization. Changes can take a few minutes to apply."),
    ],
    DELEGATION_HELP,
)
NO_MAILBOX = Diagnosis(
    _("The mailbox doesn't exist in the organization, or the service account was deleted."),
    [_("Check the user name: the service account sends as this address."), *NOT_DELEGATED.steps[:1]],
    DELEGATION_HELP,
)
BAD_REQUEST_DATE = Diagnosis(
    _("Google rejected the signed request: its date is wrong, or the key was deleted."),
    [
        _("Check this machine's date and time."),
        _("In the Google Cloud console, open IAM → Service accounts → Keys and create a new JSON key."),
    ],
)
BLOCKED_BY_ADMINISTRATOR = Diagnosis(
    _("The organization's administrator doesn't allow this app to use Gmail."),
    [
        _(
            "In the Google Admin console, open Security → API controls → App access control and "
            "mark the client ID as trusted."
        )
    ],
)
DECLINED = Diagnosis(
    _("Google didn't let this account use the app, or the request was declined."),
    [
        _("Choose “Generate access token” again and allow access to Gmail."),
        _("If the consent screen is in “Testing”, add the account as a test user or publish the app."),
    ],
)
BAD_TOKEN = Diagnosis(
    _("Google rejected the access token for this mailbox."),
    [
        _("Check that the user name is the account that signed in."),
        _("Choose “Generate access token” again and leave access to Gmail selected: sending requires full access."),
    ],
    OAUTH2_HELP,
)

BROWSER_STEPS = [
    _("In the Google Cloud console, create a project and fill in Google Auth Platform → Branding."),
    _(
        "Under Audience, publish the app (In production). While it is in “Testing”, "
        "authorizations expire after seven days."
    ),
    _("Under Clients, create a client of type Web application and add the redirect URI from this page."),
    _("Paste the client ID and client secret here, save, and choose “Generate access token”."),
    _("Sign in with the account whose email address you entered, and leave access to Gmail selected."),
]
SERVICE_ACCOUNT_STEPS = [
    _(
        "In the Google Cloud console, open IAM & Admin → Service accounts, create a service "
        "account, and create a JSON key under Keys."
    ),
    *NOT_DELEGATED.steps[:2],
    _("Paste the key here, enter the mailbox's email address, save, and choose “Generate access token”."),
]

TOKEN_RULES = [
    DiagnosisRule("invalid_grant", GRANT_EXPIRED, "expired or revoked"),
    DiagnosisRule("invalid_grant", NO_MAILBOX, "invalid email"),
    DiagnosisRule("invalid_grant", NO_MAILBOX, "account not found"),
    DiagnosisRule("invalid_grant", BAD_REQUEST_DATE, "jwt"),
    DiagnosisRule("invalid_grant", OTHER_CLIENT, "bad request"),
    DiagnosisRule("invalid_client", UNKNOWN_CLIENT),
    DiagnosisRule("unauthorized_client", NOT_DELEGATED, "access tokens using this method"),
    DiagnosisRule("unauthorized_client", OTHER_CLIENT),
    DiagnosisRule("admin_policy_enforced", BLOCKED_BY_ADMINISTRATOR),
    DiagnosisRule("access_denied", DECLINED),
    DiagnosisRule("", BAD_TOKEN, cause=Cause.CREDENTIALS),
    DiagnosisRule("", BAD_TOKEN, cause=Cause.TOKEN_REJECTED),
]
OAUTH2 = OAuth2(
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106 -- an address
    scopes=[SCOPE, "openid", "email"],
    grant_types=["authorization_code", "service_account"],
    grant_scopes={"service_account": [SCOPE]},
    grant_notes={"service_account": _("Google Workspace only. Requires domain-wide delegation.")},
    grant_steps={"authorization_code": BROWSER_STEPS, "service_account": SERVICE_ACCOUNT_STEPS},
    authorize_parameters={"access_type": "offline", "prompt": "consent"},
    issuer="https://accounts.google.com",
    lapses_after=timedelta(days=180),
    diagnosis_rules=TOKEN_RULES,
)


@hookimpl
def register_smtp_provider() -> Provider:
    """Return the provider."""
    return Provider(
        key="google",
        label="Google",
        needs=_("A Gmail or Google Workspace account, with OAuth2 or with 2-Step Verification and an app password."),
        connection=Connection(host="smtp.gmail.com", port=465, security="tls"),
        authentication=[
            Password(
                username_label=_("Email address"), password_label=_("App password"), one_word=True, pattern="[a-z]{16}"
            ),
            OAUTH2,
        ],
        steps=APP_PASSWORD_STEPS,
        notes={
            "mail_from": _("Google replaces any address that doesn't belong to the account."),
            "limit_per_day": _("Personal Gmail accounts and Google Workspace trials: 500."),
            "password": _("The 16-letter app password. Your regular password doesn't work."),
        },
        diagnosis_rules=[
            DiagnosisRule("", APP_PASSWORD_REJECTED, code="password_well_formed", cause=Cause.CREDENTIALS),
            DiagnosisRule("", BAD_PASSWORD, cause=Cause.CREDENTIALS),
            DiagnosisRule("", SUSPICIOUS, "browser", cause=Cause.APP_PASSWORD_NEEDED),
            DiagnosisRule("", NEEDS_APP_PASSWORD, cause=Cause.APP_PASSWORD_NEEDED),
            DiagnosisRule("", TOO_OFTEN, cause=Cause.TOO_MANY_ATTEMPTS),
            DiagnosisRule("", DAILY_LIMIT, cause=Cause.QUOTA_EXCEEDED),
            DiagnosisRule("", TOO_FAST, cause=Cause.RATE_LIMITED),
            DiagnosisRule("", RELAY_NOT_SET_UP, "relay", cause=Cause.IP_NOT_ALLOWED),
            DiagnosisRule("530", WANTS_TLS, cause=Cause.TLS_REQUIRED),
        ],
        # Of Google Workspace, in any 24 hours (https://support.google.com/a/answer/166852, 29 November 2026).
        limits=Limits(per_day=2_000),
        sends_as="account",
        # https://support.google.com/a/answer/33786 (SPF), 174124 (DKIM), 174125 (MX).
        dns=Dns(
            spf_include="_spf.google.com",
            dkim_selectors=["google"],
            mx=["google.com", "googlemail.com"],
            domains=["gmail.com", "googlemail.com"],
        ),
        help_url=HELP,
        source="https://developers.google.com/workspace/gmail/imap/imap-smtp",
        checked=date(2026, 11, 22),
    )
