"""What Microsoft's refusals mean, and what to do about each."""

from webapp.providers import Diagnosis, Explanation, _

LEARN = "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission"
RETIREMENT = "https://techcommunity.microsoft.com/blog/exchange/updated-exchange-online-smtp-auth-basic-authentication-deprecation-timeline/4489835"
MAILBOX_SWITCH = _(
    "In the Microsoft 365 admin centre, open Users → Active users → the mailbox → Mail → Manage email apps and tick "
    "Authenticated SMTP. If it is ticked already, untick it, save, tick it again."
)
SECURITY_DEFAULTS = _(
    "In Microsoft Entra, open Properties → Manage security defaults: while they are on, passwords are refused. "
    "Ask whoever is responsible for security before changing them."
)
TO_OAUTH2 = _("Choose OAuth2 as the sign-in, and follow the steps that are shown for it.")

NOT_ACCEPTED = Diagnosis(
    _("Microsoft does not accept the sign-in. It says so for a wrong password and for sending that is switched off."),
    [
        _("Check that the user name is the mailbox's own sign-in name, and type the password again."),
        MAILBOX_SWITCH,
        SECURITY_DEFAULTS,
    ],
    LEARN,
)
TENANT_OFF = Diagnosis(
    _("Sending by SMTP is switched off for the whole organisation."),
    [
        MAILBOX_SWITCH,
        _("Or for everyone: Exchange admin centre → Settings → Mail flow, untick “Turn off SMTP AUTH protocol”."),
        _("Wait up to an hour for the change to hold, then test again."),
    ],
    "https://aka.ms/smtp_auth_disabled",
)
MAILBOX_OFF = Diagnosis(
    _("Sending by SMTP is switched off for this mailbox."),
    [MAILBOX_SWITCH, _("Wait up to an hour for the change to hold, then test again.")],
    "https://aka.ms/smtp_auth_disabled",
)
PASSWORDS_OFF = Diagnosis(
    _("Microsoft no longer takes passwords, app passwords included, for sending from this mailbox."),
    [
        TO_OAUTH2,
        _("Where Microsoft still allows it, an administrator can let them in again with an authentication policy."),
        _("Otherwise send through another service: an SMTP relay, or a provider such as SendGrid."),
    ],
    RETIREMENT,
)
WRONG_PASSWORD = Diagnosis(
    _("The user name or the password is wrong."),
    [_("Check that the user name is the mailbox's own sign-in name."), _("Type the password again.")],
    LEARN,
)
POLICY = Diagnosis(
    _("A policy of the organisation blocked the sign-in: Conditional Access, an authentication policy, or MFA."),
    [
        _("In Microsoft Entra, open Sign-in logs at the time of this test: the failed entry names the policy."),
        SECURITY_DEFAULTS,
    ],
    LEARN,
)
DEFAULTS = Diagnosis(
    _("Security defaults of the organisation refuse passwords. The mailbox is not really locked."),
    [TO_OAUTH2, SECURITY_DEFAULTS],
    LEARN,
)
NO_SIGN_IN = Diagnosis(
    _("Microsoft wants a sign-in before it takes mail."),
    [_("Set the sign-in to Password and enter the mailbox and its password.")],
)
SEND_AS = Diagnosis(
    _("The signed-in mailbox may not send from the Mail From address."),
    [
        _("Set Mail From to the address of the mailbox that signs in."),
        _("Or give that mailbox Send As permission: Exchange admin centre → Mailboxes → the sender → Delegation."),
    ],
)
BUSY = Diagnosis(_("More than three messages at once went through this mailbox."), [_("Nothing to do: it is retried.")])
QUOTA = Diagnosis(
    _("The mailbox has sent as much as Microsoft allows in a day."), [_("Wait a day, or use a sending service.")]
)
MAILBOX_FULL = Diagnosis(
    _("The mailbox that sends is full: Microsoft keeps each mail in its Sent Items."),
    [_("Empty its Sent Items, or have a retention policy do so.")],
)

OAUTH2 = "https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
AGAIN = _("Choose “Generate access token” and sign in again.")
CONSENT = _("In Microsoft Entra, open App registrations → the app → API permissions, and grant admin consent.")
UNUSED = Diagnosis(
    _("Microsoft has ended the sign-in because it was not used for too long, such as 90 days."), [AGAIN], OAUTH2
)
PASSWORD_CHANGED = Diagnosis(
    _("The sign-in has ended: the mailbox's password was changed, or its sign-ins were ended."), [AGAIN], OAUTH2
)
SECRET_ID = Diagnosis(
    _("The client secret is wrong. Most often the secret's ID was copied in place of its value."),
    [
        _("In Microsoft Entra, open App registrations → the app → Certificates & secrets, and create a new secret."),
        _("Copy what stands under Value, enter it here as the client secret, and save."),
    ],
    OAUTH2,
)
SECRET_EXPIRED = Diagnosis(
    _("The client secret has expired."),
    [
        _("In Microsoft Entra, open App registrations → the app → Certificates & secrets, and create a new secret."),
        _("Enter its value here, note its end, save, and generate the access token again."),
    ],
    OAUTH2,
)
NO_APP = Diagnosis(
    _("Microsoft finds no such application in this tenant."),
    [_("Open the app's Overview page and copy the Application (client) ID and the Directory (tenant) ID again.")],
    OAUTH2,
)
NO_TENANT = Diagnosis(
    _("Microsoft knows no such tenant."), [_("Copy the Directory (tenant) ID from the app's Overview page.")], OAUTH2
)
NO_CONSENT = Diagnosis(
    _("Nobody has allowed the application to send mail, or the permission was withdrawn."), [CONSENT, AGAIN], OAUTH2
)
SECOND_FACTOR = Diagnosis(_("Microsoft wants a second factor (MFA) for this sign-in."), [AGAIN], OAUTH2)
CONDITIONAL = Diagnosis(
    _("A Conditional Access policy of the organisation blocks this application, place or device."),
    [_("In Microsoft Entra, open Sign-in logs: the failed entry names the policy, under Conditional Access.")],
)
NOT_IN_TENANT = Diagnosis(
    _("The account does not belong to this tenant."),
    [
        _("Check the tenant ID, and sign in with the account that is the user name."),
        _("For a personal Outlook account, allow personal accounts in the app and enter consumers as the tenant."),
    ],
    OAUTH2,
)
CUT = Diagnosis(_("What Mailroom has of the sign-in is not whole any more."), [AGAIN], OAUTH2)
NOT_PUBLIC = Diagnosis(
    _("The application has to show a client secret, as it is not allowed to be a public client."),
    [
        _("If you have its client secret, enter it here, save, and generate the access token again."),
        _("Or, in Microsoft Entra, open App registrations → the app → Authentication, and allow public client flows."),
    ],
)
OTHER_TENANT = Diagnosis(
    _("The access token is of another tenant than the one in the form."),
    [_("Compare the Directory (tenant) ID with that of the mailbox's organisation, and generate the token again.")],
    OAUTH2,
)
OTHER_AUDIENCE = Diagnosis(
    _("The access token is for another service, such as Microsoft Graph, not for Outlook's mail servers."),
    [
        _("Remove Mail.Send of Microsoft Graph; add the permission SMTP.Send or, without a person, SMTP.SendAsApp."),
        AGAIN,
    ],
    OAUTH2,
)
NO_SMTP_SEND = Diagnosis(
    _("The access token lacks the permission SMTP.Send."),
    [_("In Microsoft Entra, open App registrations → the app → API permissions, and add SMTP.Send."), CONSENT, AGAIN],
    OAUTH2,
)
NO_SEND_AS_APP = Diagnosis(
    _("The access token lacks the permission SMTP.SendAsApp."),
    [
        _("Under API permissions, add the application permission SMTP.SendAsApp of Office 365 Exchange Online."),
        CONSENT,
    ],
    OAUTH2,
)
OTHER_MAILBOX = Diagnosis(
    _("The access token is for another account than the user name."),
    [_("Sign in as the user name, or enter the account that signed in as the user name."), AGAIN],
    OAUTH2,
)
TOKEN_EXPIRED = Diagnosis(
    _("The access token had expired when it was used: the clock of this machine is probably wrong."),
    [_("Correct the date and time of this machine.")],
)
TOKEN_RIGHT = Diagnosis(
    _("The access token is right, so the mailbox itself refuses: sending by SMTP is off, or a permission is missing."),
    [
        MAILBOX_SWITCH,
        _("Without a person: register the service principal (New-ServicePrincipal) by the Enterprise app's Object ID."),
        _("Then give it the mailbox: Add-MailboxPermission with FullAccess, and Add-RecipientPermission with SendAs."),
    ],
    OAUTH2,
)

# What the server says of a sign-in that failed, also when it says so in answer to the sender (530).
SWITCHED_OFF = [("disabled for the tenant", TENANT_OFF), ("disabled for the mailbox", MAILBOX_OFF)]
OF_PASSWORDS = [
    *SWITCHED_OFF,
    ("basic authentication is disabled", PASSWORDS_OFF),
    ("credentials were incorrect", WRONG_PASSWORD),
    ("did not meet the criteria", POLICY),
    ("security defaults", DEFAULTS),
]
PASSWORD_REFUSALS = [
    *(Explanation(code, found, words) for code in ("535 5.7.139", "530 5.7.57") for words, found in OF_PASSWORDS),
    Explanation("530 5.7.57", NO_SIGN_IN),
    Explanation("535 5.7.3", NOT_ACCEPTED),
    Explanation("550 5.7.30", PASSWORDS_OFF),
    Explanation("550 5.7.60", SEND_AS),
    Explanation("554 5.2.252", SEND_AS),
    Explanation("554 5.2.0", SEND_AS, "SendAsDenied"),
    Explanation("554 5.2.0", QUOTA, "QuotaExceeded"),
    Explanation("554 5.2.2", MAILBOX_FULL),
    Explanation("432 4.3.2", BUSY),
]
# Microsoft's numbers improve the explanation; what is done depends on the error alone.
TOKEN_REFUSALS = [
    Explanation("invalid_grant", UNUSED, "AADSTS70008:"),
    Explanation("invalid_grant", UNUSED, "AADSTS700082:"),
    Explanation("invalid_grant", PASSWORD_CHANGED, "AADSTS50173:"),
    Explanation("invalid_grant", NO_CONSENT, "AADSTS65001:"),
    Explanation("invalid_grant", SECOND_FACTOR, "AADSTS50076:"),
    Explanation("invalid_grant", SECOND_FACTOR, "AADSTS50079:"),
    Explanation("interaction_required", SECOND_FACTOR, "AADSTS5007"),
    Explanation("invalid_grant", CONDITIONAL, "AADSTS53003:"),
    Explanation("access_denied", CONDITIONAL, "AADSTS53003:"),
    Explanation("invalid_grant", NOT_IN_TENANT, "AADSTS50034:"),
    Explanation("invalid_request", NOT_IN_TENANT, "AADSTS50020:"),
    Explanation("invalid_grant", CUT, "AADSTS9002313:"),
    Explanation("invalid_client", SECRET_ID, "AADSTS7000215:"),
    Explanation("invalid_client", SECRET_EXPIRED, "AADSTS7000222:"),
    Explanation("invalid_client", NOT_PUBLIC, "AADSTS7000218:"),
    Explanation("unauthorized_client", NO_APP, "AADSTS700016:"),
    Explanation("invalid_client", NO_APP, "AADSTS700016:"),
    Explanation("invalid_request", NO_TENANT, "AADSTS90002:"),
    Explanation("consent_required", NO_CONSENT),
    Explanation("access_denied", NO_CONSENT),
]
MAIL_REFUSALS = [
    *(Explanation("535", found, words) for words, found in SWITCHED_OFF),
    Explanation("535", CONDITIONAL, "did not meet the criteria"),
    Explanation("535", TOKEN_EXPIRED, "token: expired"),
    Explanation("535", OTHER_TENANT, "token: tenant"),
    Explanation("535", OTHER_AUDIENCE, "token: audience"),
    Explanation("535", NO_SMTP_SEND, "token: scope"),
    Explanation("535", NO_SEND_AS_APP, "token: role"),
    Explanation("535", OTHER_MAILBOX, "token: mailbox"),
    Explanation("535", TOKEN_RIGHT),
]
