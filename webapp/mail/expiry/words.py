"""What ends of a mail server are called, and what a warning about one says and advises."""

from flask_babel import format_date
from flask_babel import gettext as _

from webapp.core import i18n
from webapp.core.texts import lazy_gettext as lazy
from webapp.mail.expiry.service import Expiry, ExpiryState, ExpirySubject

NAMES = {
    ExpirySubject.GRANT: lazy("Permission to send mail"),
    ExpirySubject.CLIENT_SECRET: lazy("Client secret"),
    ExpirySubject.SERVICE_ACCOUNT_KEY: lazy("Key of the service account"),
    ExpirySubject.CERTIFICATE: lazy("Certificate of the mail server"),
}
STATES = {
    ExpiryState.UNKNOWN: lazy("not known"),
    ExpiryState.HOLDS: lazy("good"),
    ExpiryState.SOON: lazy("ends soon"),
    ExpiryState.ENDED: lazy("has ended"),
    ExpiryState.REFUSED: lazy("refused"),
}
_SOON = {
    ExpirySubject.GRANT: lazy("The permission to send mail ends on %(day)s."),
    ExpirySubject.CLIENT_SECRET: lazy("The client secret of the mail server ends on %(day)s."),
    ExpirySubject.SERVICE_ACCOUNT_KEY: lazy("The service account's key of the mail server ends on %(day)s."),
    ExpirySubject.CERTIFICATE: lazy("The certificate of the mail server ends on %(day)s."),
}
_ENDED = {
    ExpirySubject.GRANT: lazy("The permission to send mail ended on %(day)s."),
    ExpirySubject.CLIENT_SECRET: lazy("The client secret of the mail server ended on %(day)s."),
    ExpirySubject.SERVICE_ACCOUNT_KEY: lazy("The service account's key of the mail server ended on %(day)s."),
    ExpirySubject.CERTIFICATE: lazy("The certificate of the mail server ended on %(day)s."),
}
_NEW_SECRET = lazy("Make a new one at the provider, then enter it and its last day on the mail server page.")
_ADVICE = {
    ExpirySubject.GRANT: lazy("Get a new one from the provider, on the mail server page."),
    ExpirySubject.CLIENT_SECRET: _NEW_SECRET,
    ExpirySubject.SERVICE_ACCOUNT_KEY: _NEW_SECRET,
    ExpirySubject.CERTIFICATE: lazy(
        "Whoever runs the mail server has to renew it. Mailroom looks at the new one by itself, within a day."
    ),
}
_NO_DAY = lazy("Enter its last day above, and administrators are warned before it.")
_NOTES = {
    ExpirySubject.GRANT: lazy("Generate an access token above."),
    ExpirySubject.CLIENT_SECRET: _NO_DAY,
    ExpirySubject.SERVICE_ACCOUNT_KEY: _NO_DAY,
    ExpirySubject.CERTIFICATE: lazy("Mailroom sees it with the next mail or test, or else within a day."),
}


def summary(expiry: Expiry) -> str:
    """What is wrong, as a whole sentence; only of what warns."""
    day = format_date(expiry.ends_at, "long") if expiry.ends_at else ""
    if expiry.state is ExpiryState.REFUSED:
        return _("Since %(day)s the provider refuses to renew the permission to send mail.", day=day)
    words = _SOON if expiry.state is ExpiryState.SOON else _ENDED
    return str(words[expiry.what]) % i18n.isolate({"day": day})


def advice(expiry: Expiry) -> str:
    """What to do about it."""
    return str(_ADVICE[expiry.what])


def note(expiry: Expiry) -> str:
    """What the calendar adds to a state, if anything."""
    if expiry.state is ExpiryState.REFUSED:
        return summary(expiry)
    if expiry.warns:
        return advice(expiry)
    if expiry.state is ExpiryState.UNKNOWN:
        return str(_NOTES[expiry.what])
    return _("Mailroom renews it by itself.") if expiry.moves else ""
