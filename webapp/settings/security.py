"""The settings of the Security tab: what passwords, links and sign-ins have to be like."""

from dataclasses import asdict, dataclass, fields
from datetime import timedelta

from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.settings import events, rows
from webapp.settings.models import SINGLETON_ID, SecuritySettings


@dataclass(frozen=True)
class SecurityPolicy:
    """The settings in force; the defaults follow NIST SP 800-63B: a length, and no rule for the composition."""

    password_length: int = 8
    password_upper: int = 0
    password_lower: int = 0
    password_digits: int = 0
    password_special: int = 0
    password_days: int = 0
    password_former: int = 0
    password_common: bool = True
    activation_minutes: int = 24 * 60
    reset_minutes: int = 60
    idle_minutes: int = 24 * 60
    sign_in_minutes: int = 7 * 24 * 60
    remembered_minutes: int = 30 * 24 * 60
    lock_after: int = 10
    lock_minutes: int = 15

    @property
    def activation_lifetime(self) -> timedelta:
        """How long an activation link is good."""
        return timedelta(minutes=self.activation_minutes)

    @property
    def reset_lifetime(self) -> timedelta:
        """How long a reset link is good."""
        return timedelta(minutes=self.reset_minutes)


def security(session: Session) -> SecurityPolicy:
    """The settings in force."""
    row = session.get(SecuritySettings, SINGLETON_ID)
    return SecurityPolicy(**{f.name: getattr(row, f.name) for f in fields(SecurityPolicy)}) if row else SecurityPolicy()


def save(session: Session, new: SecurityPolicy, version: int | None = None) -> None:
    """Save all of them; they hold from the commit on, in every process. The trail names the changed ones."""
    changed = rows.save(session, SecuritySettings, asdict(SecurityPolicy()), asdict(new), version)
    audit.record(session, events.SECURITY_SETTINGS_SAVED, changed=changed)
