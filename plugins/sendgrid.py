"""SendGrid."""

import json
from datetime import date

from webapp.providers import Cause, Connection, Diagnosis, DiagnosisRule, Dns, Password, Provider, _, hookimpl

DOCS = "https://www.twilio.com/docs/sendgrid"
BAD_KEY = Diagnosis(
    _("SendGrid rejected the API key."),
    [
        _("Check that the user name is the word apikey, not an email address."),
        _("In SendGrid, open Settings → API Keys and create a key with the Mail Send permission."),
        _("Copy the key right away, because it's shown only once, and paste it here."),
    ],
    f"{DOCS}/for-developers/sending-email/integrating-with-the-smtp-api",
)
NO_CREDITS = Diagnosis(
    _("The SendGrid plan has no email credits left."),
    [_("Upgrade the plan, or wait until it renews. Retrying doesn't help.")],
)
IP_NOT_ALLOWED = Diagnosis(
    _("SendGrid knows the API key but doesn't allow this server to sign in."),
    [_("In SendGrid, open Settings → IP Access Management and add this server's IP address.")],
)
UNVERIFIED_SENDER = Diagnosis(
    _("The Mail From address is not a verified sender in SendGrid."),
    [
        _("In SendGrid, open Settings → Sender Authentication and verify this address or its whole domain."),
        _("Or set Mail From to an address that is already verified."),
    ],
    f"{DOCS}/for-developers/sending-email/sender-identity",
)
# Links of account mail must arrive as they are, whatever the account is set to. Click tracking rewrites them,
# Google Analytics adds to them, the others add an image and a footer.
# https://www.twilio.com/docs/sendgrid/for-developers/sending-email/smtp-filters
NO_TRACKING = {
    "filters": {
        name: {"settings": {"enable": 0}} for name in ("clicktrack", "ganalytics", "opentrack", "subscriptiontrack")
    }
}


@hookimpl
def register_smtp_provider() -> Provider:
    """Return the provider."""
    return Provider(
        key="sendgrid",
        label="SendGrid",
        needs=_("An API key with the Mail Send permission, and a verified sender."),
        connection=Connection(host="smtp.sendgrid.net", port=587, security="starttls"),
        authentication=[Password(username="apikey", password_label=_("API key"), one_word=True)],
        steps=[
            _("In SendGrid, open Settings → Sender Authentication and verify the address or domain you send from."),
            _("Open Settings → API Keys, choose Create API Key and give the key the Mail Send permission."),
            _("Copy the key and paste it here; the user name stays apikey."),
        ],
        notes={
            "mail_from": _("SendGrid sends only from verified senders."),
            "username": _("Always the word apikey."),
            "password": _("Starts with “SG.” and is shown only once, when it is created."),
        },
        diagnosis_rules=[
            DiagnosisRule("451", IP_NOT_ALLOWED, "could not authenticate"),
            DiagnosisRule("", IP_NOT_ALLOWED, cause=Cause.IP_NOT_ALLOWED),
            DiagnosisRule("", BAD_KEY, cause=Cause.CREDENTIALS),
            DiagnosisRule("", BAD_KEY, cause=Cause.AUTH_REQUIRED),
            DiagnosisRule("", NO_CREDITS, "credits", cause=Cause.QUOTA_EXCEEDED),
            DiagnosisRule("", UNVERIFIED_SENDER, cause=Cause.SENDER_NOT_ALLOWED),
        ],
        headers={"X-SMTPAPI": json.dumps(NO_TRACKING)},
        sends_as="verified",
        # https://www.twilio.com/docs/sendgrid/ui/account-and-settings/how-to-set-up-domain-authentication: three
        # CNAME records, two of them for keys, the third for the return path. The include is for older accounts.
        dns=Dns(
            spf_include="sendgrid.net",
            own_return_path=True,
            dkim_selectors=["s1", "s2"],
            dkim_targets=["sendgrid.net"],
        ),
        help_url=f"{DOCS}/for-developers/sending-email/integrating-with-the-smtp-api",
        source=f"{DOCS}/for-developers/sending-email/integrating-with-the-smtp-api",
        checked=date(2026, 11, 22),
    )
