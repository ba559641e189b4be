"""The words for the states of bulk jobs."""

from flask_babel import lazy_gettext as _

from webapp.accounts.bulk_jobs.models import BulkJob, JobState

# Why a job was stopped.
REASONS = {
    "cancelled": _("Canceled. What was done before stays as it is."),
    "not_allowed": _(
        "Stopped because the person who started it is no longer an administrator. What was done before stays as it is."
    ),
    "failed": _("Stopped after repeated errors. See the log for details. What was done before stays as it is."),
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
