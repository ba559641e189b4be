"""Read and save the settings of the whole installation."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import Connection, Row, select
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core.config import Config
from webapp.core.database import Base, insert_into
from webapp.core.errors import StaleVersion
from webapp.settings import audit_events, declared, signals
from webapp.settings.models import SINGLETON_ID, GeneralSettings, SecuritySettings

Model = TypeVar("Model", bound=Base)
Settings = TypeVar("Settings", GeneralSettings, SecuritySettings)
_SECTIONS = {GeneralSettings: declared.GENERAL, SecuritySettings: declared.SECURITY}
_GENERAL = select(GeneralSettings.public_url, GeneralSettings.product_name, GeneralSettings.support_address).where(
    GeneralSettings.id == SINGLETON_ID
)


@dataclass(frozen=True)
class General:
    """The general settings. `public_url` has no slash at its end; it is empty until somebody sets it."""

    public_url: str = ""
    product_name: str = "Mailroom"
    support_address: str = ""


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
    """Return the general settings; the public URL of the environment takes precedence."""
    return general_of(session.execute(_GENERAL).first(), config)


def general_of(row: GeneralSettings | Row[str, str, str] | None, config: Config) -> General:
    """Return the general settings as they are in this row; the defaults if they were never saved."""
    saved = General(row.public_url, row.product_name, row.support_address) if row else General()
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
) -> None:
    """Save the general settings; None keeps the saved public URL. Raises StaleVersion or SetInFile."""
    new = {"product_name": product_name, "support_address": support_address}
    if public_url is not None:
        new["public_url"] = public_url
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
