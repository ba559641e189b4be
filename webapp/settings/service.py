"""Read and save the settings of the whole installation."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Connection, Row, select
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import domain_lists
from webapp.core.config import NOBODY, Config
from webapp.core.database import Base, insert_into
from webapp.core.email_addresses import comparison_key
from webapp.core.errors import StaleVersion
from webapp.settings import audit_events, declared, signals
from webapp.settings.models import SINGLETON_ID, GeneralSettings, SecuritySettings

Model = TypeVar("Model", bound=Base)
Settings = TypeVar("Settings", GeneralSettings, SecuritySettings)
_SECTIONS = {GeneralSettings: declared.GENERAL, SecuritySettings: declared.SECURITY}
_GENERAL = select(
    GeneralSettings.public_url,
    GeneralSettings.product_name,
    GeneralSettings.support_address,
    GeneralSettings.send_to,
    GeneralSettings.send_to_domains,
).where(GeneralSettings.id == SINGLETON_ID)


class SendTo(StrEnum):
    """Who gets email."""

    EVERYONE = "everyone"
    DOMAINS = "domains"
    NOBODY = "nobody"


@dataclass(frozen=True)
class General:
    """The general settings. `public_url` has no slash at its end; it is empty until somebody sets it.

    `send_to_domains` is a list as `core.domain_lists` writes it, used if `send_to` says so. An empty one is nobody.
    """

    public_url: str = ""
    product_name: str = "Mailroom"
    support_address: str = ""
    send_to: str = SendTo.EVERYONE
    send_to_domains: str = ""

    @property
    def only_domains(self) -> list[str] | None:
        """The domains that get email: none if nobody does, None if everyone does."""
        if self.send_to == SendTo.EVERYONE:
            return None
        return domain_lists.parse(self.send_to_domains) if self.send_to == SendTo.DOMAINS else []

    def may_send_to(self, address: str) -> bool:
        """Return whether this address may get email."""
        only = self.only_domains
        return only is None or domain_lists.contain(only, comparison_key(address).rpartition("@")[2])


@dataclass(frozen=True)
class SecurityPolicy:
    """The security settings. The defaults follow NIST SP 800-63B: a minimum length, no composition rules."""

    password_min_length: int = 8
    password_min_uppercase: int = 0
    password_min_lowercase: int = 0
    password_min_digits: int = 0
    password_min_special: int = 0
    password_max_age_days: int = 0
    password_history_length: int = 0
    password_reject_common: bool = True
    activation_minutes: int = 24 * 60
    reset_minutes: int = 60
    session_idle_minutes: int = 24 * 60
    session_minutes: int = 7 * 24 * 60
    session_remembered_minutes: int = 30 * 24 * 60
    lockout_threshold: int = 10
    lockout_minutes: int = 15
    # 0 keeps entries without a limit.
    audit_retention_days: int = 0

    @property
    def activation_lifetime(self) -> timedelta:
        """How long an activation link is valid."""
        return timedelta(minutes=self.activation_minutes)

    @property
    def reset_lifetime(self) -> timedelta:
        """How long a reset link is valid."""
        return timedelta(minutes=self.reset_minutes)


def general(session: Session | Connection, config: Config) -> General:
    """Return the general settings; what the environment sets takes precedence."""
    return general_of(session.execute(_GENERAL).first(), config)


def general_of(row: GeneralSettings | Row[str, str, str, str, str] | None, config: Config) -> General:
    """Return the general settings as they are in this row; the defaults if they were never saved."""
    saved = General(**{one.name: getattr(row, one.name) for one in fields(General)}) if row else General()
    if config.send_only_to:
        send_to = SendTo.NOBODY if config.send_only_to == NOBODY else SendTo.DOMAINS
        saved = replace(saved, send_to=send_to, send_to_domains=domain_lists.write(config.only_domains))
    return replace(saved, public_url=(config.public_url or saved.public_url).rstrip("/"))


def content_days(session: Session) -> int:
    """Return for how many days the content of applications' emails is kept after delivery; 0 deletes it then."""
    return session.scalar(select(GeneralSettings.content_days).where(GeneralSettings.id == SINGLETON_ID)) or 0


def save_content_days(session: Session, days: int) -> None:
    """Save it. Raises SetInFile."""
    changed = _save(session, GeneralSettings, {}, {"content_days": days}, None)
    if changed:
        audit.record(session, audit_events.GENERAL_SETTINGS_SAVED, changed=changed)


def security(session: Session) -> SecurityPolicy:
    """Return the security settings."""
    return policy_of(session.get(SecuritySettings, SINGLETON_ID))


def policy_of(row: SecuritySettings | None) -> SecurityPolicy:
    """Return the security settings as they are in this row; the defaults if they were never saved."""
    return SecurityPolicy(**{f.name: getattr(row, f.name) for f in fields(SecurityPolicy)}) if row else SecurityPolicy()


def version(session: Session, model: type[GeneralSettings] | type[SecuritySettings]) -> int:
    """Return the version of saved settings; 0 if nothing was saved yet."""
    return session.scalar(select(model.version).where(model.id == SINGLETON_ID)) or 0


def save_general(
    session: Session,
    public_url: str | None,
    product_name: str,
    support_address: str,
    expected_version: int | None = None,
    send_to: str | None = None,
    send_to_domains: str | None = None,
) -> None:
    """Save the general settings; None keeps what is saved. Raises StaleVersion or SetInFile."""
    given = {
        "public_url": public_url,
        "product_name": product_name,
        "support_address": support_address,
        "send_to": send_to,
        "send_to_domains": send_to_domains,
    }
    new = {name: value for name, value in given.items() if value is not None}
    changed = _save(session, GeneralSettings, {}, new, expected_version)
    if changed:
        audit.record(session, audit_events.GENERAL_SETTINGS_SAVED, changed=changed)
    signals.settings_saved.send(session=session)


def save_security(session: Session, new: SecurityPolicy, expected_version: int | None = None) -> None:
    """Save the security settings. Raises StaleVersion or SetInFile."""
    changed = _save(session, SecuritySettings, asdict(SecurityPolicy()), asdict(new), expected_version)
    if changed:
        audit.record(session, audit_events.SECURITY_SETTINGS_SAVED, changed=changed)


def lock_row(session: Session, model: type[Model], defaults: Mapping[str, object]) -> Model:
    """Return the only row of a settings table, locked until the transaction ends; create it if there is none."""
    insert = insert_into(session, model).values(id=SINGLETON_ID, **defaults)
    session.execute(insert.on_conflict_do_nothing())
    return session.get_one(model, SINGLETON_ID, with_for_update=True, populate_existing=True)


def _save(
    session: Session,
    model: type[Settings],
    defaults: Mapping[str, object],
    new: Mapping[str, object],
    expected_version: int | None,
) -> list[str]:
    """Save `new` and return the names of what changed. What is saved already, as by a second click, is not stale."""
    row = lock_row(session, model, {**defaults, "version": 0})
    changed = [name for name, value in new.items() if getattr(row, name) != value]
    if changed and expected_version not in (None, row.version):
        raise StaleVersion(row.version)
    declared.refuse_changes(session, _SECTIONS[model], changed)
    for name in changed:
        setattr(row, name, new[name])
    return changed
