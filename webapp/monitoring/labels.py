"""The words of the charts, in the reader's language."""

from datetime import datetime

from babel.dates import format_skeleton
from babel.units import format_unit
from flask_babel import format_decimal, format_percent, format_time, get_locale
from flask_babel import gettext as _

from webapp.core.formatting import format_list
from webapp.core.i18n import DEFAULT_LOCALE, lazy_gettext
from webapp.monitoring.dashboard import LATENCY_BOUNDS, Dashboard, OfKind, Period
from webapp.outbox.kinds import kind_label

PERIODS = {
    Period.DAY: lazy_gettext("24 hours"),
    Period.WEEK: lazy_gettext("7 days"),
    Period.MONTH: lazy_gettext("30 days"),
}
TITLES = {
    "delivered": lazy_gettext("Sent"),
    "waiting": lazy_gettext("Waiting"),
    "latency": lazy_gettext("Time until delivery"),
    "kinds": lazy_gettext("By type"),
}
UNITS = ((3600, "duration-hour"), (60, "duration-minute"), (0, "duration-second"))
# Longer names would leave no room for their bars.
MAX_KIND_LENGTH = {500: 34, 330: 20}


def summary(name: str, dashboard: Dashboard) -> str:
    """Return what a chart shows, in one sentence or two."""
    if name == "delivered":
        numbers = {"delivered": format_decimal(dashboard.delivered), "other": format_decimal(dashboard.undelivered)}
        return _("Sent: %(delivered)s. Not sent: %(other)s.", **numbers)
    if name == "waiting":
        return _("Highest average: %(number)s", number=format_decimal(dashboard.most_waiting))
    if name == "latency":
        half, most = dashboard.within(0.5), dashboard.within(0.95)
        if half is None or most is None:
            return _("No email was sent")
        if most == "inf":
            return _("More than %(share)s took longer than an hour", share=share(0.05))
        return _(
            "Half within %(half)s, %(share)s within %(most)s", half=bound(half), share=share(0.95), most=bound(most)
        )
    return format_list(f"{kind_label(one.kind)}: {format_decimal(total(one))}" for one in dashboard.kinds)


def bound(text: str, length: str = "narrow") -> str:
    """Return one of LATENCY_BOUNDS, such as `up to 5 minutes`; a `narrow` one for an axis, such as `5m`."""
    if text == "inf":
        return f">{bound(LATENCY_BOUNDS[-2])}" if length == "narrow" else _("longer")
    size, unit = next(found for found in UNITS if float(text) >= found[0])
    value = float(text) / (size or 1)
    shown = format_unit(value, unit, "narrow" if length == "narrow" else "long", locale=get_locale() or DEFAULT_LOCALE)
    return shown if length == "narrow" else _("up to %(time)s", time=shown)


def up_to(bound_text: str) -> str:
    """Return one of LATENCY_BOUNDS for an axis, such as `≤5m`."""
    return bound(bound_text) if bound_text == "inf" else f"≤{bound(bound_text)}"


def share(value: float) -> str:
    """Return a share such as `12%`; `<1%` is not the same as none."""
    if 0 < value < 0.01:
        return f"<{format_percent(0.01)}"
    return str(format_percent(value))


def axis_time(period: Period, start: datetime) -> str:
    """Return the time at which a part of a period starts, as short as an axis needs it."""
    if period is Period.DAY:
        return str(format_time(start, "short"))
    skeleton = "MMMd" if period is Period.MONTH else "Ed"
    return str(format_skeleton(skeleton, start, locale=get_locale() or DEFAULT_LOCALE))


def kind(name: str, width: int) -> str:
    """Return the label of a kind of message, shortened for a chart of this width."""
    label, longest = kind_label(name), MAX_KIND_LENGTH[width]
    return label if len(label) <= longest else f"{label[: longest - 1].rstrip()}…"


def total(one: OfKind) -> int:
    """Return how many messages of a kind are finished."""
    return one.delivered + one.undelivered
