"""Why an event was not delivered, in the reader's language."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask_babel import lazy_gettext as _

from webapp.core import i18n, network_errors

FAILURES = {
    "status": _("The receiver replied with status %(status)s."),
    "unreachable": _("The receiver could not be reached: %(error)s."),
    "untrusted": _("The receiver's certificate was rejected."),
    "invalid_response": _("The receiver didn't send a valid HTTP response: %(error)s."),
    "cannot_unseal": _(
        "The URL and signing secret can't be decrypted with the current secret key. "
        "Save the URL again and create a new secret."
    ),
}


def describe_failure(code: str, params: Mapping[str, Any]) -> str:
    """Return the sentence for a failure code."""
    cause = params.get("cause", "")
    # Of some failures, only Mailroom has a description, which is a sentence.
    error = params.get("error") or network_errors.describe(cause, params).rstrip(".")
    text = str(FAILURES[code]) % i18n.isolate({**params, "error": error})
    return f"{text} {network_errors.describe_certificate(cause, params)}".rstrip()


def host_of(url: str) -> str:
    """Return the host of a URL; the rest of it may be secret."""
    return urlsplit(url).netloc
