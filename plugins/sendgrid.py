"""SendGrid, by its SMTP service."""

from datetime import date

from webapp.providers import Connection, Diagnosis, Explanation, Password, Provider, _, hookimpl

DOCS = "https://www.twilio.com/docs/sendgrid"
BAD_KEY = Diagnosis(
    _("SendGrid does not accept the API key."),
    [
        _("Check that the user name is the word apikey, not an address."),
        _("In SendGrid, open Settings → API Keys and create a key that may send mail (Mail Send)."),
        _("Copy the key at once, as it is shown a single time, and paste it here."),
    ],
    f"{DOCS}/for-developers/sending-email/integrating-with-the-smtp-api",
)
CREDITS = Diagnosis(
    _("The SendGrid plan has no mails left."),
    [_("Upgrade the plan, or wait until it is renewed; retrying does not help.")],
)
ADDRESS_LIST = Diagnosis(
    _("SendGrid knows the key but does not let this server sign in."),
    [_("In SendGrid, open Settings → IP Access Management and add the address of this server.")],
)
SENDER = Diagnosis(
    _("The Mail From address is not a verified sender at SendGrid."),
    [
        _("In SendGrid, open Settings → Sender Authentication and verify this address, or its whole domain."),
        _("Or set Mail From to an address that is verified already."),
    ],
    f"{DOCS}/for-developers/sending-email/sender-identity",
)


@hookimpl
def register_smtp_provider() -> Provider:
    """Bring the provider."""
    return Provider(
        key="sendgrid",
        label="SendGrid",
        needs=_("An API key that may send mail, and a verified sender."),
        connection=Connection(host="smtp.sendgrid.net", port=587, security="starttls"),
        authentication=[Password(username="apikey", password_label=_("API key"), one_word=True)],
        steps=[
            _("In SendGrid, open Settings → Sender Authentication and verify the address or domain you send from."),
            _("Open Settings → API Keys, choose Create API Key and give it Mail Send."),
            _("Copy the key and paste it here; the user name stays apikey."),
        ],
        notes={
            "mail_from": _("SendGrid sends only from a verified sender."),
            "username": _("Always the word apikey."),
            "password": _("Starts with “SG.” and is shown a single time, when it is created."),
        },
        explanations=[
            Explanation("535", BAD_KEY, "authentication failed"),
            Explanation("451", CREDITS, "maximum credits exceeded"),
            Explanation("451", ADDRESS_LIST, "could not authenticate"),
            Explanation("550", SENDER, "does not match a verified sender identity"),
            Explanation("550", BAD_KEY, "unauthenticated senders not allowed"),
            Explanation("403", SENDER, "not authorized to send from that email address"),
        ],
        help_url=f"{DOCS}/for-developers/sending-email/integrating-with-the-smtp-api",
        source=f"{DOCS}/for-developers/sending-email/integrating-with-the-smtp-api",
        checked=date(2026, 11, 22),
    )
