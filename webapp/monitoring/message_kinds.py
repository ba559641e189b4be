"""The emails to administrators about outages and mail servers in trouble."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import Flask

from webapp.accounts import message_contents as contents
from webapp.accounts.preparation import LockedUser, kind_to_users
from webapp.core import i18n
from webapp.core.i18n import lazy_gettext as _
from webapp.mail.diagnosis.service import diagnose
from webapp.outbox.kinds import SAMPLE_NAME, SAMPLE_RECIPIENT, ClaimedMessage, PreparedMessage, register_kinds
from webapp.outbox.labels import describe_cause
from webapp.outbox.status import STANDING_STILL
from webapp.providers import Failure

TIMES = ("since", "until")


def _write(message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    written, found = contents.write_to_user(message, user), message.data
    data: dict[str, Any] = {name: datetime.fromisoformat(found[name]) for name in TIMES if name in found}
    data |= {name: found[name] for name in ("server", "by") if name in found}
    with i18n.use_language(written.language):
        data |= {"name": written.data["name"], "cause": _cause(found, Failure.of_stored(found))}
    return replace(written, data=data)


def _cause(found: Mapping[str, Any], failure: Failure) -> str:
    """Return what the failure means and what the server replied, as far as it is one of a mail server."""
    diagnosis = diagnose(found["provider"], found["settings"], failure) if "provider" in found else None
    if diagnosis is None:
        return describe_cause(failure)
    return " ".join(filter(None, (str(diagnosis.cause), failure.reply)))


def _sample(now: datetime) -> PreparedMessage:
    cause = describe_cause(Failure(STANDING_STILL, "no_worker"))
    data = {"name": SAMPLE_NAME, "since": now - timedelta(hours=2), "until": now, "cause": cause}
    return PreparedMessage(SAMPLE_RECIPIENT, data)


def _sample_of_servers(now: datetime) -> PreparedMessage:
    cause = describe_cause(Failure("connect", "connection_refused", {"error": "Connection refused"}))
    data = {"name": SAMPLE_NAME, "since": now - timedelta(hours=2), "until": now, "cause": cause}
    return PreparedMessage(SAMPLE_RECIPIENT, data | {"server": "SendGrid", "by": "Office 365"})


_kind = partial(kind_to_users, require=contents.require_administrator, reasons=contents.REASONS)
RECOVERED_KIND = _kind("mail_recovered", _("Mail works again"), _write, _sample)
IN_TROUBLE_KIND = _kind("mail_server_in_trouble", _("A mail server is failing"), _write, _sample_of_servers)
WELL_KIND = _kind("mail_server_well", _("A mail server works again"), _write, _sample_of_servers)


def init_app(app: Flask) -> None:
    """Register the kinds."""
    register_kinds(app, RECOVERED_KIND, IN_TROUBLE_KIND, WELL_KIND)
