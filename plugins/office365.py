"""Microsoft 365 (Exchange Online)."""

from datetime import date

from webapp.providers import Connection, Diagnosis, Explanation, Password, Provider, _, hookimpl

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
        _("Until the end of 2026 an administrator can allow them again with an authentication policy in Exchange."),
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
    [SECURITY_DEFAULTS],
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


@hookimpl
def register_smtp_provider() -> Provider:
    """Bring the provider."""
    return Provider(
        key="office365",
        label="Office 365",
        needs=_("A work or school mailbox that may send by SMTP, and its password."),
        connection=Connection(host="smtp.office365.com", port=587, security="starttls"),
        authentication=[Password(username_label=_("User principal name"))],
        steps=[
            _("In the Microsoft 365 admin centre, open Users → Active users and copy the mailbox's user name."),
            MAILBOX_SWITCH,
            _("Enter the user name and its password here, and the same address as Mail From."),
        ],
        notes={
            "mail_from": _("The signed-in mailbox's own address, or one it has Send As permission for."),
            "password": _(
                "From the end of December 2026 Microsoft refuses passwords unless an administrator allows them."
            ),
        },
        explanations=[
            Explanation("535 5.7.139", TENANT_OFF, "disabled for the tenant"),
            Explanation("535 5.7.139", MAILBOX_OFF, "disabled for the mailbox"),
            Explanation("535 5.7.139", PASSWORDS_OFF, "basic authentication is disabled"),
            Explanation("535 5.7.139", WRONG_PASSWORD, "credentials were incorrect"),
            Explanation("535 5.7.139", POLICY, "did not meet the criteria"),
            Explanation("535 5.7.139", DEFAULTS, "security defaults"),
            Explanation("530 5.7.57", TENANT_OFF, "disabled for the tenant"),
            Explanation("530 5.7.57", MAILBOX_OFF, "disabled for the mailbox"),
            Explanation("530 5.7.57", PASSWORDS_OFF, "basic authentication is disabled"),
            Explanation("530 5.7.57", POLICY, "did not meet the criteria"),
            Explanation("530 5.7.57", NO_SIGN_IN),
            Explanation("535 5.7.3", NOT_ACCEPTED),
            Explanation("550 5.7.30", PASSWORDS_OFF),
            Explanation("550 5.7.60", SEND_AS),
            Explanation("554 5.2.252", SEND_AS),
            Explanation("554 5.2.0", SEND_AS, "SendAsDenied"),
            Explanation("554 5.2.0", QUOTA, "QuotaExceeded"),
            Explanation("432 4.3.2", BUSY),
        ],
        help_url=LEARN,
        source="https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth",
        checked=date(2026, 11, 22),
    )
