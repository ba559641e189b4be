"""The words for the states of bulk jobs."""

from flask_babel import lazy_gettext as _

from webapp.accounts.bulk_jobs.models import BulkJob, JobState

# Why a job was stopped.
REASONS = {
    "cancelled": _("Canceled. What has been done so far is kept."),
    "not_allowed": _(
        "Stopped because the person who started it is no longer an administrator. What has been done so far is kept."
    ),
    "failed": _("Stopped after repeated errors. See the log for details. What has been done so far is kept."),
}
# The class of the badge, and its text.
_STATES = {
    JobState.RUNNING: ("is-neutral", _("In progress")),
    JobState.FINISHED: ("is-success", _("Finished")),
    JobState.STOPPED: ("is-warning", _("Stopped")),
}


def badge(job: BulkJob) -> tuple[str, str]:
    """Return the class of the state's badge and its text."""
    kind, text = _STATES[JobState(job.state)]
    return kind, str(text)
