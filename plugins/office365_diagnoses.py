"""What the replies of Microsoft's mail server mean, and how to fix each."""

from webapp.providers import Cause, Diagnosis, DiagnosisRule, _

HELP = "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission"
RETIREMENT = "https://techcommunity.microsoft.com/blog/exchange/updated-exchange-online-smtp-auth-basic-authentication-deprecation-timeline/4489835"
MAILBOX_SWITCH = _(
    "In the Microsoft 365 admin center, open Users → Active users → the mailbox → Mail → "
    "Manage email apps and select Authenticated SMTP. If it's already selected, clear it, "
    "save, then select it again."
)
SECURITY_DEFAULTS = _(
    "In Microsoft Entra, open Properties → Manage security defaults. While they are on, "
    "passwords are rejected. Ask the person responsible for security before you change "
    "them."
)
USE_OAUTH2 = _("Set Authentication to OAuth2, and follow the steps shown for it.")
PERSONAL_ACCOUNT = _(
    "For a personal Outlook account (such as outlook.com, hotmail.com or live.com), enter consumers as the tenant ID "
    "and smtp-mail.outlook.com as the host."
)

NOT_ACCEPTED = Diagnosis(
    _("Microsoft rejected the sign-in. The password may be wrong, or sending by SMTP may be turned off."),
    [
        _("Check that the user name is the mailbox's own sign-in name, and enter the password again."),
        MAILBOX_SWITCH,
        SECURITY_DEFAULTS,
    ],
    HELP,
)
TENANT_OFF = Diagnosis(
    _("Sending by SMTP is turned off for the whole organization."),
    [
        MAILBOX_SWITCH,
        _(
            "Or, to allow it for everyone, open Exchange admin center → Settings → Mail flow and "
            "clear “Turn off SMTP AUTH protocol”."
        ),
        _("Wait up to an hour for the change to take effect, then test again."),
    ],
    "https://aka.ms/smtp_auth_disabled",
)
MAILBOX_OFF = Diagnosis(
    _("Sending by SMTP is turned off for this mailbox."),
    [MAILBOX_SWITCH, _("Wait up to an hour for the change to take effect, then test again.")],
    "https://aka.ms/smtp_auth_disabled",
)
PASSWORDS_OFF = Diagnosis(
    _("Microsoft no longer accepts passwords, including app passwords, for sending from this mailbox."),
    [
        USE_OAUTH2,
        PERSONAL_ACCOUNT,
        _("If Microsoft still permits it, have an administrator allow passwords again with an authentication policy."),
        _("Otherwise, send through another service: an SMTP relay, or a provider such as SendGrid."),
    ],
    RETIREMENT,
)
WRONG_PASSWORD = Diagnosis(
    _("The user name or password is wrong."),
    [_("Check that the user name is the mailbox's own sign-in name."), _("Enter the password again.")],
    HELP,
)
POLICY_BLOCKS = Diagnosis(
    _("An organization policy blocked the sign-in: Conditional Access, an authentication policy, or MFA."),
    [
        _(
            "In Microsoft Entra, open Sign-in logs and find the failed entry at the time of this "
            "test. It names the policy."
        ),
        SECURITY_DEFAULTS,
    ],
    HELP,
)
DEFAULTS = Diagnosis(
    _("The organization's security defaults block passwords. The mailbox isn't actually locked."),
    [USE_OAUTH2, SECURITY_DEFAULTS],
    HELP,
)
NO_SIGN_IN = Diagnosis(
    _("Microsoft requires authentication before it accepts email."),
    [_("Set Authentication to Password, and enter the mailbox's user name and password.")],
)
SEND_AS = Diagnosis(
    _("The signed-in mailbox isn't allowed to send from the Mail From address."),
    [
        _("Set Mail From to the address of the signed-in mailbox."),
        _("Or give that mailbox Send As permission in Exchange admin center → Mailboxes → the sender → Delegation."),
    ],
)
BUSY = Diagnosis(
    _("More than three messages were sent through this mailbox at the same time."),
    [_("You don't need to do anything: Mailroom retries automatically.")],
)
QUOTA = Diagnosis(
    _("The mailbox has reached Microsoft's daily sending limit."), [_("Wait a day, or use an email delivery service.")]
)
MAILBOX_FULL = Diagnosis(
    _("The sending mailbox is full, because Microsoft keeps each email in its Sent Items."),
    [_("Empty its Sent Items, or set up a retention policy to do so.")],
)
RESTRICTED = Diagnosis(
    _("Microsoft has restricted the sending mailbox or the organization, usually because of spam or unusual volume."),
    [
        _("Change the mailbox's password and check that nobody else uses it."),
        _(
            "In the Microsoft Defender portal, open Email & collaboration → Review → Restricted entities and unblock "
            "the mailbox."
        ),
        _("If it isn't listed there, contact Microsoft support."),
    ],
    "https://learn.microsoft.com/en-us/defender-office-365/outbound-spam-restore-restricted-users",
)
NO_TRAFFIC = Diagnosis(
    _("Microsoft doesn't accept email from this IP address or organization yet. New and trial organizations get this."),
    [_("Contact Microsoft support as the organization's administrator, with the whole reply.")],
)

# Of a sign-in that isn't allowed. Some servers only report it in their reply to the sender (530).
TURNED_OFF_RULES = [
    DiagnosisRule("", TENANT_OFF, "for the tenant", cause=Cause.AUTH_DISABLED),
    DiagnosisRule("", MAILBOX_OFF, "for the mailbox", cause=Cause.AUTH_DISABLED),
]
PASSWORD_RULES = [
    *TURNED_OFF_RULES,
    DiagnosisRule("", PASSWORDS_OFF, "basic auth", cause=Cause.AUTH_DISABLED),
    DiagnosisRule("", DEFAULTS, "security defaults", cause=Cause.AUTH_DISABLED),
    DiagnosisRule("", POLICY_BLOCKS, cause=Cause.AUTH_DISABLED),
    DiagnosisRule("", WRONG_PASSWORD, "5.7.139", cause=Cause.CREDENTIALS),
    DiagnosisRule("", NOT_ACCEPTED, cause=Cause.CREDENTIALS),
    DiagnosisRule("", NO_SIGN_IN, cause=Cause.AUTH_REQUIRED),
    DiagnosisRule("", SEND_AS, cause=Cause.SENDER_NOT_ALLOWED),
    DiagnosisRule("", QUOTA, cause=Cause.QUOTA_EXCEEDED),
    DiagnosisRule("", MAILBOX_FULL, cause=Cause.SENDER_MAILBOX_FULL),
    DiagnosisRule("432", BUSY, cause=Cause.RATE_LIMITED),
    DiagnosisRule("", RESTRICTED, cause=Cause.ACCOUNT_SUSPENDED),
    DiagnosisRule("550 5.7.708", NO_TRAFFIC),
]
