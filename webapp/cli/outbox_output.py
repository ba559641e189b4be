"""What `mailroom outbox` prints of messages and attempts."""

from typing import Any

import click

from webapp.applications.names import application_name
from webapp.cli.output import clean, moment, print_fields, print_table
from webapp.outbox import labels
from webapp.outbox.filters import StateFilter
from webapp.outbox.models import Attempt, Message
from webapp.outbox.story import Handed, Story

HEADER = ("id", "created (UTC)", "state", "type", "attempts", "recipient", "reply or reason")


def to_dict(message: Message) -> dict[str, Any]:
    """Return a message as JSON has it."""
    failure = message.failure
    return {
        "id": message.id,
        "kind": message.kind,
        "recipient": message.recipient,
        "application": application_name(message.application_id) or None,
        "state": message.state,
        "created_at": message.created_at,
        "next_attempt_at": message.next_attempt_at if message.state in StateFilter.WAITING.states else None,
        "last_attempt_at": message.last_attempt_at,
        "finished_at": message.finished_at,
        "expires_at": message.deadline,
        "attempt_count": message.attempts,
        "provider": message.provider or None,
        "resend_of": message.resend_of,
        "resent_as": message.resent_as,
        "failure": {
            "stage": failure.stage,
            "code": failure.code or None,
            "reply": failure.reply or None,
            "error": labels.describe_failure(message),
        }
        if failure
        else None,
    }


def attempt_to_dict(message: Message, attempt: Attempt) -> dict[str, Any]:
    """Return an attempt as JSON has it."""
    return {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "seconds": round(attempt.seconds, 3),
        "result": attempt.result,
        "provider": attempt.provider or None,
        "host": attempt.host or None,
        "stage": attempt.stage or None,
        "reply": attempt.reply or None,
        "error": labels.describe_attempt(message, attempt) if attempt.failure else None,
        "message_id": attempt.header_id or None,
    }


def handed_to_dict(handed: Handed) -> dict[str, Any]:
    """Return the email that an application handed in as JSON has it."""
    submission = handed.submission
    return {
        "id": submission.public_id,
        "sender": submission.sender,
        "subject": submission.subject,
        "message_id": submission.header_id,
        "size": submission.size,
        "recipients": handed.total + 1,
    }


def to_row(message: Message) -> tuple[object, ...]:
    """Return a message as a line of the list."""
    reason = labels.describe_failure(message)
    created = moment(message.created_at)
    return message.id, created, message.state, message.kind, message.attempts, message.recipient, reason


def print_story(message: Message, found: Story, handed: Handed | None, diagnosis: dict[str, Any]) -> None:
    """Print what became of a message."""
    submission = handed.submission if handed else None
    waits = message.state in StateFilter.WAITING.states
    print_fields(
        [
            ("Message", message.id),
            ("Type", message.kind),
            ("Application", application_name(message.application_id)),
            ("From", submission and submission.sender),
            ("To", message.recipient),
            ("Subject", submission and submission.subject),
            ("Message-ID", submission and submission.header_id),
            ("State", message.state),
            ("Created", f"{moment(message.created_at)} UTC"),
            ("Next attempt", f"{moment(message.next_attempt_at)} UTC" if waits else ""),
            ("Finished", f"{moment(message.finished_at)} UTC" if message.finished_at else ""),
            ("Queue id", found.queue_id),
            ("Sent again as", message.resent_as),
            ("Error", labels.describe_failure(message)),
            ("Meaning", diagnosis.get("cause")),
            ("What to do", "\n".join(diagnosis.get("steps", ()))),
        ]
    )
    if found.attempts:
        click.echo()
        header = ("attempt", "started (UTC)", "seconds", "result", "stage", "host", "reply or reason")
        print_table(header, (_attempt_row(message, one) for one in found.attempts))
    if found.total > len(found.attempts):
        click.echo(f"… and {found.total - len(found.attempts)} earlier ones")
    if found.transcript:
        click.echo(f"\nTranscript of the last failure:\n{clean(found.transcript)}")


def _attempt_row(message: Message, attempt: Attempt) -> tuple[object, ...]:
    said = labels.describe_attempt(message, attempt)
    started, seconds = moment(attempt.started_at), f"{attempt.seconds:.2f}"
    return attempt.number, started, seconds, attempt.result, attempt.stage, attempt.host, said
