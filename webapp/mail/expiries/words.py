"""What ends of a mail server are called, and what a warning about one says and advises."""

from flask_babel import format_date
from flask_babel import gettext as _

from webapp import languages
from webapp.mail.expiries.service import Expiry, State, What
from webapp.texts import lazy_gettext as lazy

NAMES = {
    What.GRANT: lazy("Permission to send mail"),
    What.CLIENT_SECRET: lazy("Client secret"),
    What.SERVICE_ACCOUNT_KEY: lazy("Key of the service account"),
    What.CERTIFICATE: lazy("Certificate of the mail server"),
}
STATES = {
    State.UNKNOWN: lazy("not known"),
    State.HOLDS: lazy("good"),
    State.SOON: lazy("ends soon"),
    State.ENDED: lazy("has ended"),
    State.REFUSED: lazy("refused"),
}
_SOON = {
    What.GRANT: lazy("The permission to send mail ends on %(day)s."),
    What.CLIENT_SECRET: lazy("The client secret of the mail server ends on %(day)s."),
    What.SERVICE_ACCOUNT_KEY: lazy("The service account's key of the mail server ends on %(day)s."),
    What.CERTIFICATE: lazy("The certificate of the mail server ends on %(day)s."),
}
_ENDED = {
    What.GRANT: lazy("The permission to send mail ended on %(day)s."),
    What.CLIENT_SECRET: lazy("The client secret of the mail server ended on %(day)s."),
    What.SERVICE_ACCOUNT_KEY: lazy("The service account's key of the mail server ended on %(day)s."),
    What.CERTIFICATE: lazy("The certificate of the mail server ended on %(day)s."),
}
_NEW_SECRET = lazy("Make a new one at the provider, then enter it and its last day on the mail server page.")
_ADVICE = {
    What.GRANT: lazy("Get a new one from the provider, on the mail server page."),
    What.CLIENT_SECRET: _NEW_SECRET,
    What.SERVICE_ACCOUNT_KEY: _NEW_SECRET,
    What.CERTIFICATE: lazy(
        "Whoever runs the mail server has to renew it. Mailroom looks at the new one by itself, within a day."
    ),
}
_NO_DAY = lazy("Enter its last day above, and administrators are warned before it.")
_NOTES = {
    What.GRANT: lazy("Generate an access token above."),
    What.CLIENT_SECRET: _NO_DAY,
    What.SERVICE_ACCOUNT_KEY: _NO_DAY,
    What.CERTIFICATE: lazy("Mailroom sees it with the next mail or test, or else within a day."),
}


def sentence(expiry: Expiry) -> str:
    """What is wrong, as a whole sentence; only of what warns."""
    day = format_date(expiry.ends_at, "long") if expiry.ends_at else ""
    if expiry.state is State.REFUSED:
        return _("Since %(day)s the provider refuses to renew the permission to send mail.", day=day)
    words = _SOON if expiry.state is State.SOON else _ENDED
    return str(words[expiry.what]) % languages.isolated({"day": day})


def advice(expiry: Expiry) -> str:
    """What to do about it."""
    return str(_ADVICE[expiry.what])


def note(expiry: Expiry) -> str:
    """What the calendar adds to a state, if anything."""
    if expiry.state is State.REFUSED:
        return sentence(expiry)
    if expiry.warns:
        return advice(expiry)
    if expiry.state is State.UNKNOWN:
        return str(_NOTES[expiry.what])
    return _("Mailroom renews it by itself.") if expiry.moves else ""
