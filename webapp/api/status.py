"""`GET /status`: whether email flows."""

from marshmallow import Schema, fields, validate

from webapp.api.endpoint import Answer, Blueprint, Call, Permission
from webapp.api.replies import Reply
from webapp.api.schemas import time_field
from webapp.core import clock
from webapp.monitoring.state import full_state
from webapp.outbox.server_states import Duty
from webapp.outbox.status import Flow

blueprint = Blueprint("Status", "Whether mail is going out.")
EXAMPLE = {
    "state": "stopped",
    "since": "2026-11-30T09:12:44Z",
    "cause": {"stage": "connect", "code": "refused", "text": "The server refused the connection."},
    "recipients": None,
    "servers": [{"name": "SendGrid", "duty": "sends", "since": None, "cause": None}],
    "waiting": 12,
    "oldest_seconds": 340,
    "workers": 1,
    "undelivered": {"failed": 2, "expired": 0, "uncertain": 0},
}


class CauseSchema(Schema):
    """Why no email goes out."""

    stage = fields.String(required=True, metadata={"description": "At which stage of sending it fails."})
    code = fields.String(required=True, metadata={"description": "Names the failure."})
    text = fields.String(required=True, metadata={"description": "Explains it to a person."})


class ServerSchema(Schema):
    """A mail server."""

    name = fields.String(required=True, metadata={"description": "Its name."})
    duty = fields.String(
        required=True,
        validate=validate.OneOf(list(Duty)),
        metadata={
            "description": "`sends`; `dedicated`: sends for certain senders or applications; `stands_in`: sends if "
            "those before it fail; `replaced`: another one sends in its place, because it is failing."
        },
    )
    since = time_field("Since when it is failing; null while it isn't.", required=True, allow_none=True)
    cause = fields.Nested(CauseSchema, required=True, allow_none=True, metadata={"description": "Null while it isn't."})


class StatusSchema(Schema):
    """Whether email flows, and if not, since when and why."""

    state = fields.String(
        required=True,
        validate=validate.OneOf(list(Flow)),
        metadata={
            "description": "`flowing`; `unconfirmed`: nothing was sent since the settings changed; `limited`: the mail "
            "server takes no more for now; `stopped`; `no_worker`; `not_set_up`."
        },
    )
    since = time_field("Since when nothing goes out; null while email flows.", required=True, allow_none=True)
    cause = fields.Nested(CauseSchema, required=True, allow_none=True, metadata={"description": "Null while it flows."})
    recipients = fields.List(
        fields.String(),
        required=True,
        allow_none=True,
        metadata={
            "description": "Null if everyone gets email. Else the domains that do: `*.example.com` is every subdomain, "
            "and an empty list is nobody. Messages to others are accepted and end as `cancelled`."
        },
    )
    servers = fields.List(
        fields.Nested(ServerSchema), required=True, metadata={"description": "The mail servers, in their order."}
    )
    waiting = fields.Integer(required=True, metadata={"description": "How many emails wait, of all applications."})
    oldest_seconds = fields.Integer(required=True, metadata={"description": "How long the oldest of them has waited."})
    workers = fields.Integer(required=True, metadata={"description": "How many workers run."})
    undelivered = fields.Dict(
        required=True,
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "How many emails were not delivered in the last seven days, by state; 501 is “more”."},
    )


@blueprint.operation("GET", "/status", permission=Permission.NONE, answer=Answer(StatusSchema, EXAMPLE))
def show_status(call: Call) -> Reply:
    """Tell whether mail is going out.

    For monitoring, and before a batch is sent. Messages are accepted whatever the state: they wait.
    """
    found = full_state(call.session, clock.now())
    return Reply({name: found[name] for name in StatusSchema().fields})
