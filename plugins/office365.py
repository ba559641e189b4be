"""Microsoft 365 (Exchange Online)."""

from datetime import date, timedelta

from webapp.providers import Connection, Dns, ExpectedClaims, Limits, OAuth2, Password, Provider, _, hookimpl

from .office365_diagnoses import HELP, MAILBOX_SWITCH, PASSWORD_RULES
from .office365_oauth2 import GRANT_CONSENT, MAIL_SERVER_RULES, NOT_ADMITTED, OAUTH2_HELP, TOKEN_RULES

AUTHORITY = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0"

USER_NAME = _("In the Microsoft 365 admin center, open Users → Active users and copy the mailbox's user name.")
IDS = _("Copy the Application (client) ID and the Directory (tenant) ID from the app's Overview page.")
SECRET = _("Under Certificates & secrets, create a client secret, copy the Value, and note the expiry date.")
PERMISSION = _("Under API permissions, add the Microsoft Graph delegated permission SMTP.Send.")
GENERATE_TOKEN = _("Enter these values here, save, and choose “Generate access token”.")
BROWSER_STEPS = [
    USER_NAME,
    _(
        "In Microsoft Entra, open App registrations → New registration; choose Web as the "
        "redirect URI and paste the one shown on this page."
    ),
    IDS,
    SECRET,
    PERMISSION,
    MAILBOX_SWITCH,
    GENERATE_TOKEN,
]
CLIENT_CREDENTIALS_STEPS = [
    _("In Microsoft Entra, open App registrations → New registration; no redirect URI is needed."),
    IDS,
    SECRET,
    _("Under API permissions, add the Office 365 Exchange Online application permission SMTP.SendAsApp."),
    GRANT_CONSENT,
    *NOT_ADMITTED.steps,
    GENERATE_TOKEN,
]
DEVICE_STEPS = [
    USER_NAME,
    _(
        "In Microsoft Entra, open App registrations → New registration; then, under "
        "Authentication, allow public client flows."
    ),
    IDS,
    PERMISSION,
    MAILBOX_SWITCH,
    GENERATE_TOKEN,
]

OAUTH2_METHOD = OAuth2(
    authorize_url=f"{AUTHORITY}/authorize",
    token_url=f"{AUTHORITY}/token",
    device_authorization_url=f"{AUTHORITY}/devicecode",
    scopes=["https://outlook.office.com/SMTP.Send", "offline_access", "openid", "profile"],
    grant_types=["authorization_code", "client_credentials", "device_code"],
    grant_scopes={"client_credentials": ["https://outlook.office365.com/.default"]},
    grant_notes={
        "authorization_code": _(
            "For work and school accounts. For a personal Outlook account, enter consumers as the "
            "tenant and smtp-mail.outlook.com as the host; Microsoft may still refuse to send, and "
            "there is no setting to change that."
        ),
        "client_credentials": _("Work and school accounts only. Requires an Exchange administrator."),
        "device_code": _(
            "For a personal Outlook account, enter consumers as the tenant and "
            "smtp-mail.outlook.com as the host. Some organizations block device codes."
        ),
    },
    grant_steps={
        "authorization_code": BROWSER_STEPS,
        "client_credentials": CLIENT_CREDENTIALS_STEPS,
        "device_code": DEVICE_STEPS,
    },
    lapses_after=timedelta(days=90),
    expected_claims=ExpectedClaims(
        audiences=[
            "https://outlook.office.com",
            "https://outlook.office365.com",
            "00000002-0000-0ff1-ce00-000000000000",
        ],
        scope="SMTP.Send",
        role="SMTP.SendAsApp",
    ),
    diagnosis_rules=[*TOKEN_RULES, *MAIL_SERVER_RULES],
)


@hookimpl
def register_smtp_provider() -> Provider:
    """Return the provider."""
    return Provider(
        key="office365",
        label="Office 365",
        needs=_("A work or school mailbox that is allowed to send by SMTP, with OAuth2 or its password."),
        connection=Connection(host="smtp.office365.com", port=587, security="starttls"),
        authentication=[
            Password(username_label=_("User principal name")),
            OAUTH2_METHOD,
        ],
        steps=[
            USER_NAME,
            MAILBOX_SWITCH,
            _("Enter the user name and password here, and use the same address as Mail From."),
        ],
        notes={
            "mail_from": _("The signed-in mailbox's own address, or one it has Send As permission for."),
            "password": _(
                "From the end of December 2026, Microsoft refuses passwords unless an administrator allows them."
            ),
            "client_id": _("The Application (client) ID, from the app's Overview page."),
            "client_secret": _("The Value, not the Secret ID."),
            "tenant_id": _("From the app's Overview page."),
        },
        diagnosis_rules=PASSWORD_RULES,
        # Microsoft's article “smtp-submission-improvements”, 29 November 2026. More in a minute is only delayed, more
        # in a day is refused.
        limits=Limits(per_minute=30, per_day=10_000, connections=3),
        sends_as="account",
        # https://learn.microsoft.com/en-us/defender-office-365/email-authentication-spf-configure, …-dkim-configure;
        # https://learn.microsoft.com/en-us/microsoft-365/enterprise/external-domain-name-system-records
        dns=Dns(
            spf_include="spf.protection.outlook.com",
            dkim_selectors=["selector1", "selector2"],
            dkim_targets=["onmicrosoft.com", "dkim.mail.microsoft"],
            mx=["mail.protection.outlook.com", "mx.microsoft"],
            domains=["outlook.com", "hotmail.com", "live.com", "msn.com"],
        ),
        help_url=HELP,
        source=OAUTH2_HELP,
        checked=date(2026, 11, 22),
    )
