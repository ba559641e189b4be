"""Gmail and Google Workspace."""

from datetime import date

from webapp.providers import Connection, Diagnosis, Explanation, Password, Provider, _, hookimpl

APP_PASSWORDS = "https://support.google.com/accounts/answer/185833"
APP_PASSWORD = [
    _("Sign in to the Google account and turn on 2-Step Verification (Security → 2-Step Verification)."),
    _("Open myaccount.google.com/apppasswords, type a name such as Mailroom and choose Create."),
    _("Copy the 16 letters and paste them here as the password; spaces do not matter."),
]
BAD_PASSWORD = Diagnosis(
    _("Google does not accept this user name with this password. An ordinary Google password never works here."),
    [_("Check that the user name is the whole address of the account."), *APP_PASSWORD],
    APP_PASSWORDS,
)
NEEDS_APP_PASSWORD = Diagnosis(
    _("The password is right, but the account uses 2-Step Verification, so Google wants an app password."),
    APP_PASSWORD[1:],
    APP_PASSWORDS,
)
SUSPICIOUS = Diagnosis(
    _("Google finds this sign-in unusual and wants to see you in a browser first."),
    [_("Sign in to the account in a browser, confirm that it was you, then test again."), *APP_PASSWORD],
    "https://support.google.com/mail/answer/78754",
)
TOO_OFTEN = Diagnosis(
    _("Too many sign-ins in a short time; Google refuses more for a while."), [_("Wait ten minutes, then test once.")]
)
DAILY_LIMIT = Diagnosis(
    _("The account has sent as much as Google allows in a day."),
    [_("Sending works again within 24 hours. For more mail, use a sending service.")],
    "https://support.google.com/a/answer/166852",
)
WANTS_TLS = Diagnosis(
    _("Google takes mail only over an encrypted connection."),
    [_("Set Security to STARTTLS with port 587.")],
    fix={"security": "starttls", "port": "587"},
)


@hookimpl
def register_smtp_provider() -> Provider:
    """Bring the provider."""
    return Provider(
        key="google",
        label="Google",
        needs=_("A Gmail or Workspace account with 2-Step Verification, and an app password."),
        connection=Connection(host="smtp.gmail.com", port=465, security="tls"),
        authentication=[Password(username_label=_("E-mail address"), password_label=_("App password"), one_word=True)],
        steps=APP_PASSWORD,
        notes={
            "mail_from": _("Google replaces an address that is not one of the account's own."),
            "password": _("The 16 letters of an app password; your ordinary password does not work."),
        },
        explanations=[
            Explanation("535 5.7.8", BAD_PASSWORD),
            Explanation("534 5.7.9", NEEDS_APP_PASSWORD, "application-specific password"),
            Explanation("534 5.7.9", SUSPICIOUS, "web browser"),
            Explanation("534 5.7.14", SUSPICIOUS),
            Explanation("454 4.7.0", TOO_OFTEN, "too many login attempts"),
            Explanation("550 5.4.5", DAILY_LIMIT),
            Explanation("530 5.7.0", WANTS_TLS, "starttls"),
        ],
        help_url=APP_PASSWORDS,
        source="https://developers.google.com/workspace/gmail/imap/imap-smtp",
        checked=date(2026, 11, 22),
    )
