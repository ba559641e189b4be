"""What expires in words: its name, what an alert about it says, and what to do."""

from flask_babel import format_date
from flask_babel import gettext as _

from webapp.core import i18n
from webapp.core.i18n import lazy_gettext as lazy
from webapp.mail.expiry.service import Expiry, ExpiryState, ExpirySubject

NAMES = {
    ExpirySubject.GRANT: lazy("OAuth2 authorization"),
    ExpirySubject.CLIENT_SECRET: lazy("Client secret"),
    ExpirySubject.SERVICE_ACCOUNT_KEY: lazy("Service account key"),
    ExpirySubject.CERTIFICATE: lazy("Mail server certificate"),
    ExpirySubject.PINNED_CERTIFICATE: lazy("Pinned certificate"),
    ExpirySubject.TRUSTED_CERTIFICATES: lazy("Trusted certificate authority"),
    ExpirySubject.CLIENT_CERTIFICATE: lazy("Client certificate"),
}
STATES = {
    ExpiryState.UNKNOWN: lazy("unknown"),
    ExpiryState.VALID: lazy("valid"),
    ExpiryState.EXPIRING: lazy("expires soon"),
    ExpiryState.EXPIRED: lazy("expired"),
    ExpiryState.REFUSED: lazy("refused"),
}
_EXPIRING = {
    ExpirySubject.GRANT: lazy("The mail server's OAuth2 authorization expires on %(day)s."),
    ExpirySubject.CLIENT_SECRET: lazy("The mail server's client secret expires on %(day)s."),
    ExpirySubject.SERVICE_ACCOUNT_KEY: lazy("The mail server's service account key expires on %(day)s."),
    ExpirySubject.CERTIFICATE: lazy("The mail server's certificate expires on %(day)s."),
    ExpirySubject.PINNED_CERTIFICATE: lazy("The mail server's pinned certificate expires on %(day)s."),
    ExpirySubject.TRUSTED_CERTIFICATES: lazy(
        "The certificate authority trusted for the mail server expires on %(day)s."
    ),
    ExpirySubject.CLIENT_CERTIFICATE: lazy("The client certificate for the mail server expires on %(day)s."),
}
_EXPIRED = {
    ExpirySubject.GRANT: lazy("The mail server's OAuth2 authorization expired on %(day)s."),
    ExpirySubject.CLIENT_SECRET: lazy("The mail server's client secret expired on %(day)s."),
    ExpirySubject.SERVICE_ACCOUNT_KEY: lazy("The mail server's service account key expired on %(day)s."),
    ExpirySubject.CERTIFICATE: lazy("The mail server's certificate expired on %(day)s."),
    ExpirySubject.PINNED_CERTIFICATE: lazy("The mail server's pinned certificate expired on %(day)s."),
    ExpirySubject.TRUSTED_CERTIFICATES: lazy(
        "The certificate authority trusted for the mail server expired on %(day)s."
    ),
    ExpirySubject.CLIENT_CERTIFICATE: lazy("The client certificate for the mail server expired on %(day)s."),
}
_NEW_SECRET = lazy("Create a new one at the provider, then enter it and its expiry date on the Mail server page.")
_ADVICE = {
    ExpirySubject.GRANT: lazy("Generate a new access token on the Mail server page."),
    ExpirySubject.CLIENT_SECRET: _NEW_SECRET,
    ExpirySubject.SERVICE_ACCOUNT_KEY: _NEW_SECRET,
    ExpirySubject.CERTIFICATE: lazy(
        "The mail server's administrator must renew it. Mailroom detects the new one automatically within a day."
    ),
    ExpirySubject.PINNED_CERTIFICATE: lazy(
        "Once the mail server's administrator has renewed it, send a test email and trust the new one."
    ),
    ExpirySubject.TRUSTED_CERTIFICATES: lazy(
        "Get the new certificate of the authority from its administrator and enter it under Advanced, Certificates."
    ),
    ExpirySubject.CLIENT_CERTIFICATE: lazy(
        "Get a new one from the mail server's administrator and enter it under Advanced, Certificates."
    ),
}
_NO_DATE = lazy("Enter its expiry date above so that administrators are warned in advance.")
_UNKNOWN = {
    ExpirySubject.GRANT: lazy("Generate an access token above."),
    ExpirySubject.CLIENT_SECRET: _NO_DATE,
    ExpirySubject.SERVICE_ACCOUNT_KEY: _NO_DATE,
    ExpirySubject.CERTIFICATE: lazy("Mailroom checks it when the next email or test is sent, or within a day."),
}


def summary(expiry: Expiry) -> str:
    """Return the sentence of an alert, after the name of the mail server if there are several."""
    text = _summary(expiry)
    if not expiry.server:
        return text
    return _("%(server)s: %(text)s", **i18n.isolate({"server": expiry.server}), text=text)


def _summary(expiry: Expiry) -> str:
    day = format_date(expiry.expires_at, "long") if expiry.expires_at else ""
    if expiry.state is ExpiryState.REFUSED:
        return _("The provider refused to refresh the mail server's access token, most recently on %(day)s.", day=day)
    texts = _EXPIRING if expiry.state is ExpiryState.EXPIRING else _EXPIRED
    return str(texts[expiry.subject]) % i18n.isolate({"day": day})


def advice(expiry: Expiry) -> str:
    """Return what to do about an alert."""
    return str(_ADVICE[expiry.subject])


def note(expiry: Expiry) -> str:
    """Return what the table of expiry dates adds to a state, if anything."""
    if expiry.state is ExpiryState.REFUSED:
        return summary(expiry)
    if expiry.needs_attention:
        return " ".join(filter(None, (advice(expiry), _seen(expiry))))
    if expiry.state is ExpiryState.UNKNOWN:
        return str(_UNKNOWN[expiry.subject])
    return _("Mailroom renews it automatically.") if expiry.renews_automatically else _seen(expiry)


def _seen(expiry: Expiry) -> str:
    return _("Last checked on %(day)s.", day=format_date(expiry.seen_at, "medium")) if expiry.seen_at else ""
