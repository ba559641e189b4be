"""How long sign-ins last, as the settings of this moment say: also those that began before they were saved."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from webapp.accounts.models import Session
from webapp.settings.service import SecurityPolicy

# A clock may be set back by so much and nobody is signed out; nor does anything last longer than that for it.
CLOCK_SKEW = timedelta(days=1)
# How exact `last_seen_at` is at most: not every page is worth a write.
TOUCH_INTERVAL = timedelta(minutes=5)


@dataclass(frozen=True)
class Lifetimes:
    """Without use, and from beginning to end: of a usual sign-in, and of one that outlives the browser's closing."""

    idle: timedelta
    usual: timedelta
    remembered: timedelta

    @classmethod
    def of(cls, security: SecurityPolicy) -> "Lifetimes":
        """As these settings say."""
        return cls.minutes(security.session_idle_minutes, security.session_minutes, security.session_remembered_minutes)

    @classmethod
    def minutes(cls, idle: int, usual: int, remembered: int) -> "Lifetimes":
        """As numbers of minutes."""
        return cls(timedelta(minutes=idle), timedelta(minutes=usual), timedelta(minutes=remembered))

    def whole(self, remembered: bool) -> timedelta:
        """From the beginning to the end."""
        return self.remembered if remembered else self.usual

    def lasts(self, sign_in: Session, now: datetime) -> bool:
        """Whether the sign-in is still good. One that is to be remembered does not end for not being used."""
        unused = self.whole(sign_in.remembered) if sign_in.remembered else self.idle
        return (
            now < sign_in.expires_at
            and now - self.whole(sign_in.remembered) < sign_in.created_at <= now + CLOCK_SKEW
            and now - unused < sign_in.last_seen_at <= now + CLOCK_SKEW
        )

    def seen_long_ago(self, sign_in: Session, now: datetime) -> bool:
        """Whether it is time to note again that it is in use; more often, where it soon ends without."""
        return abs(now - sign_in.last_seen_at) >= min(TOUCH_INTERVAL, self.idle / 4)
