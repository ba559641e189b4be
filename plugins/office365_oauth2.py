"""What Microsoft's errors on the way to an access token mean, and its mail server's about the token."""

from webapp.providers import Cause, Diagnosis, DiagnosisRule, _

from .office365_diagnoses import MAILBOX_SWITCH, TURNED_OFF_RULES

OAUTH2_HELP = "https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
SIGN_IN_AGAIN = _("Choose “Generate access token” and sign in again.")
GRANT_CONSENT = _("In Microsoft Entra, open App registrations → the app → API permissions, and grant admin consent.")
UNUSED = Diagnosis(
    _("The OAuth2 authorization has expired because it wasn't used for too long (such as 90 days)."),
    [SIGN_IN_AGAIN],
    OAUTH2_HELP,
)
GRANT_LOST_WITH_PASSWORD = Diagnosis(
    _("The OAuth2 authorization is no longer valid: the mailbox's password was changed, or its sessions were revoked."),
    [SIGN_IN_AGAIN],
    OAUTH2_HELP,
)
SECRET_ID = Diagnosis(
    _("The client secret is wrong. Usually the Secret ID was copied instead of the Value."),
    [
        _("In Microsoft Entra, open App registrations → the app → Certificates & secrets, and create a new secret."),
        _("Copy the Value, enter it here as the client secret, and save."),
    ],
    OAUTH2_HELP,
)
SECRET_EXPIRED = Diagnosis(
    _("The client secret has expired."),
    [
        _("In Microsoft Entra, open App registrations → the app → Certificates & secrets, and create a new secret."),
        _("Enter its Value and expiry date here, save, and generate the access token again."),
    ],
    OAUTH2_HELP,
)
NO_APP = Diagnosis(
    _("Microsoft can't find the application in this tenant."),
    [_("Open the app's Overview page and copy the Application (client) ID and the Directory (tenant) ID again.")],
    OAUTH2_HELP,
)
NO_TENANT = Diagnosis(
    _("Microsoft can't find this tenant."),
    [_("Copy the Directory (tenant) ID from the app's Overview page.")],
    OAUTH2_HELP,
)
ONE_TENANT = Diagnosis(
    _("The application belongs to one tenant, but the tenant ID entered here stands for any."),
    [
        _("Copy the Directory (tenant) ID from the app's Overview page, and enter it as the tenant ID."),
        _("Or allow accounts in any organizational directory in the app, under Authentication."),
        SIGN_IN_AGAIN,
    ],
    OAUTH2_HELP,
)
NO_REDIRECT_URI = Diagnosis(
    _("The redirect URI of this page isn't registered for the application."),
    [
        _(
            "In Microsoft Entra, open App registrations → the app → Authentication → Add a platform → Web, and paste "
            "the redirect URI shown here."
        ),
        SIGN_IN_AGAIN,
    ],
    OAUTH2_HELP,
)
PERSONAL_ONLY = Diagnosis(
    _("The application accepts personal Microsoft accounts only."),
    [
        _("For a personal account, enter consumers as the tenant ID."),
        _("Otherwise, allow accounts in this organizational directory in the app, under Authentication."),
        SIGN_IN_AGAIN,
    ],
    OAUTH2_HELP,
)
NO_CONSENT = Diagnosis(
    _("The application hasn't been given permission to send email, or the permission was revoked."),
    [GRANT_CONSENT, SIGN_IN_AGAIN],
    OAUTH2_HELP,
)
SECOND_FACTOR = Diagnosis(_("Microsoft requires a second factor (MFA) for this sign-in."), [SIGN_IN_AGAIN], OAUTH2_HELP)
CONDITIONAL = Diagnosis(
    _("A Conditional Access policy of the organization blocks this application, location or device."),
    [
        _(
            "In Microsoft Entra, open Sign-in logs and find the failed entry. It names the policy "
            "under Conditional Access."
        )
    ],
)
NOT_IN_TENANT = Diagnosis(
    _("The account does not belong to this tenant."),
    [
        _("Check the tenant ID, and sign in with the account entered as the user name."),
        _("For a personal Outlook account, allow personal accounts in the app and enter consumers as the tenant ID."),
    ],
    OAUTH2_HELP,
)
INCOMPLETE_GRANT = Diagnosis(_("The saved OAuth2 authorization is incomplete."), [SIGN_IN_AGAIN], OAUTH2_HELP)
NOT_PUBLIC = Diagnosis(
    _("The application must use a client secret, because public client flows aren't allowed for it."),
    [
        _("If you have its client secret, enter it here, save, and generate the access token again."),
        _("Or, in Microsoft Entra, open App registrations → the app → Authentication, and allow public client flows."),
    ],
)
OTHER_TENANT = Diagnosis(
    _("The access token is for a different tenant than the one you entered."),
    [
        _(
            "Compare the Directory (tenant) ID with that of the mailbox's organization, and "
            "generate the access token again."
        )
    ],
    OAUTH2_HELP,
)
OTHER_AUDIENCE = Diagnosis(
    _("The access token is for another service, such as Microsoft Graph, not for Outlook's mail servers."),
    [
        _(
            "Remove the Microsoft Graph permission Mail.Send, and add SMTP.Send or, for client "
            "credentials, SMTP.SendAsApp."
        ),
        SIGN_IN_AGAIN,
    ],
    OAUTH2_HELP,
)
NO_SMTP_SEND = Diagnosis(
    _("The access token lacks the permission SMTP.Send."),
    [
        _("In Microsoft Entra, open App registrations → the app → API permissions, and add SMTP.Send."),
        GRANT_CONSENT,
        SIGN_IN_AGAIN,
    ],
    OAUTH2_HELP,
)
NO_SEND_AS_APP = Diagnosis(
    _("The access token lacks the permission SMTP.SendAsApp."),
    [
        _("Under API permissions, add the Office 365 Exchange Online application permission SMTP.SendAsApp."),
        GRANT_CONSENT,
    ],
    OAUTH2_HELP,
)
OTHER_MAILBOX = Diagnosis(
    _("The access token is for a different account than the one entered as the user name."),
    [
        _("Sign in with the account entered as the user name, or change the user name to the account that signed in."),
        SIGN_IN_AGAIN,
    ],
    OAUTH2_HELP,
)
TOKEN_EXPIRED = Diagnosis(
    _("The access token had already expired when it was used. This machine's clock is probably wrong."),
    [_("Correct this machine's date and time.")],
)
TOKEN_VALID = Diagnosis(
    _("The access token is valid for this account, but the mailbox rejects it: sending by SMTP may be turned off."),
    [
        MAILBOX_SWITCH,
        _("Check that the account has a license with a mailbox, and that its sign-in isn't blocked."),
    ],
    OAUTH2_HELP,
)
NOT_ADMITTED = Diagnosis(
    _(
        "The access token is valid and has the required role, but the mailbox doesn't admit the application, or "
        "sending by SMTP is turned off for it."
    ),
    [
        MAILBOX_SWITCH,
        _(
            "For client credentials: register the service principal (New-ServicePrincipal) with "
            "the Enterprise app's Object ID."
        ),
        _(
            "Then give it access to the mailbox: Add-MailboxPermission with FullAccess, and "
            "Add-RecipientPermission with SendAs."
        ),
    ],
    OAUTH2_HELP,
)

# Microsoft's AADSTS numbers say what is wrong. The error that they come with has changed over the years, as from
# invalid_request to invalid_tenant, so it isn't compared; what Mailroom does depends on the error alone.
NUMBERS = {
    "AADSTS50011": NO_REDIRECT_URI,
    "AADSTS500113": NO_REDIRECT_URI,
    "AADSTS50020": NOT_IN_TENANT,
    "AADSTS50034": NOT_IN_TENANT,
    "AADSTS50072": SECOND_FACTOR,
    "AADSTS50074": SECOND_FACTOR,
    "AADSTS50076": SECOND_FACTOR,
    "AADSTS50079": SECOND_FACTOR,
    "AADSTS50173": GRANT_LOST_WITH_PASSWORD,
    "AADSTS50194": ONE_TENANT,
    "AADSTS53003": CONDITIONAL,
    "AADSTS65001": NO_CONSENT,
    "AADSTS70008": UNUSED,
    "AADSTS700016": NO_APP,
    "AADSTS700082": UNUSED,
    "AADSTS7000215": SECRET_ID,
    "AADSTS7000218": NOT_PUBLIC,
    "AADSTS7000222": SECRET_EXPIRED,
    "AADSTS90002": NO_TENANT,
    "AADSTS900023": NO_TENANT,
    "AADSTS9002313": INCOMPLETE_GRANT,
    "AADSTS9002331": PERSONAL_ONLY,
    "AADSTS9002346": PERSONAL_ONLY,
}
TOKEN_RULES = [
    *(DiagnosisRule("", found, f"{number}:") for number, found in NUMBERS.items()),
    DiagnosisRule("consent_required", NO_CONSENT),
    DiagnosisRule("access_denied", NO_CONSENT),
    DiagnosisRule("invalid_tenant", NO_TENANT),
]
# What is wrong with a rejected token, by the code of the failure, which says which claim is.
WRONG_CLAIMS = {
    "token_expired": TOKEN_EXPIRED,
    "token_wrong_tenant": OTHER_TENANT,
    "token_wrong_audience": OTHER_AUDIENCE,
    "token_wrong_scope": NO_SMTP_SEND,
    "token_wrong_role": NO_SEND_AS_APP,
    "token_wrong_mailbox": OTHER_MAILBOX,
    "token_role_as_expected": NOT_ADMITTED,
    "": TOKEN_VALID,
}
MAIL_SERVER_RULES = [
    *TURNED_OFF_RULES,
    DiagnosisRule("", CONDITIONAL, cause=Cause.AUTH_DISABLED),
    *(
        DiagnosisRule("", found, code=code, cause=cause)
        for code, found in WRONG_CLAIMS.items()
        for cause in (Cause.CREDENTIALS, Cause.TOKEN_REJECTED)
    ),
]
