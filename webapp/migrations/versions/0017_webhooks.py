"""Several webhooks, each with the events that it wants. The one that was saved goes on getting what it got."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NAME = "Webhook"
# All that there were.
EVENTS = ["ending_soon", "ended", "grant_refused", "resolved", "stopped", "recovered"]
KEPT = ("sealed_url", "sealed_secret", "sealed_previous_secret", "secret_created_at", "disabled_at")


def upgrade() -> None:
    """Add them."""
    connection = op.get_bind()
    # All that is kept of events: those of a month about the mail server, so there are few.
    kept = sa.select(sa.table("webhook_deliveries", *_columns())).order_by(sa.text("id"))
    deliveries = connection.execute(kept).mappings().all()
    settings = _settings("webhook_settings")
    saved = connection.execute(sa.select(settings).where(settings.c.sealed_url != "")).mappings().first()
    op.drop_table("webhook_deliveries")
    webhooks = op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("application_id", sa.Integer(), nullable=True),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("sealed_url", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("sealed_previous_secret", sa.Text(), nullable=False),
        sa.Column("secret_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure_code", sa.String(40), nullable=False),
        sa.Column("failure_params", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.id"], name="fk_webhooks_application_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.UniqueConstraint("name", name="uq_webhooks_name"),
        sqlite_autoincrement=True,
    )
    _create_deliveries(
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["webhook_id", "state", "next_attempt_at"])
    op.create_index("ix_webhook_deliveries_webhook_id", "webhook_deliveries", ["webhook_id", "id"])
    op.create_index("ix_webhook_deliveries_state", "webhook_deliveries", ["state", "created_at"])
    if saved is not None:
        # It gets the id 1, as the first one.
        op.bulk_insert(webhooks, [_webhook(saved, deliveries)])
        events = sa.table("webhook_deliveries", sa.column("webhook_id"), *_columns())
        op.bulk_insert(events, [{**row, "webhook_id": 1} for row in deliveries])
    op.drop_table("webhook_settings")


def downgrade() -> None:
    """Remove them, all but the oldest one for all applications."""
    connection = op.get_bind()
    webhooks = _settings("webhooks", "application_id")
    oldest = sa.select(webhooks).where(webhooks.c.application_id.is_(None)).order_by(webhooks.c.id)
    saved = connection.execute(oldest.limit(1)).mappings().first()
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
    op.create_table(
        "webhook_settings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_url", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("sealed_previous_secret", sa.Text(), nullable=False),
        sa.Column("secret_created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_settings"),
    )
    _create_deliveries(sa.UniqueConstraint("event_id", name="uq_webhook_deliveries_event_id"))
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "next_attempt_at"])
    if saved is not None:
        op.bulk_insert(_settings("webhook_settings"), [{"id": 1, **{name: saved[name] for name in KEPT}}])


def _webhook(saved: Any, deliveries: Any) -> dict[str, Any]:
    """Return the columns of the saved webhook, whose last event says how it does."""
    tried = [row for row in deliveries if row["last_attempt_at"]]
    last = max(tried, key=lambda row: row["last_attempt_at"], default=None)
    delivered = [row["last_attempt_at"] for row in tried if row["state"] == "delivered"]
    has_failed = last is not None and bool(last["failure_code"])
    return {
        "name": NAME,
        "application_id": None,
        "events": [f"mail_server.{event}" for event in EVENTS],
        **{name: saved[name] for name in KEPT},
        "created_at": saved["secret_created_at"],
        "next_attempt_at": saved["secret_created_at"],
        "failures": 0,
        "last_delivered_at": max(delivered, default=None),
        "failed_at": last["last_attempt_at"] if last and has_failed else None,
        "failure_code": last["failure_code"] if last else "",
        "failure_params": last["failure_params"] if last else {},
    }


def _settings(table: str, *more: str) -> sa.TableClause:
    """Return the table that has what is kept of the saved webhook."""
    types = {name: sa.DateTime(timezone=True) if name.endswith("_at") else sa.Text() for name in KEPT}
    columns = [sa.column(name, kind) for name, kind in types.items()]
    return sa.table(table, *(sa.column(name, sa.Integer()) for name in ("id", *more)), *columns)


def _columns() -> list[sa.ColumnClause[Any]]:
    """Return the columns of events that are kept."""
    return [
        sa.column("event_id", sa.String()),
        sa.column("type", sa.String()),
        sa.column("body", sa.Text()),
        sa.column("state", sa.String()),
        sa.column("created_at", sa.DateTime(timezone=True)),
        sa.column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.column("attempts", sa.Integer()),
        sa.column("last_attempt_at", sa.DateTime(timezone=True)),
        sa.column("failure_code", sa.String()),
        sa.column("failure_params", sa.JSON()),
    ]


def _create_deliveries(*more: Any) -> None:
    columns = [one for one in more if isinstance(one, sa.Column)]
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        *columns,
        sa.Column("event_id", sa.String(40), nullable=False),
        sa.Column("type", sa.String(60), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure_code", sa.String(40), nullable=False),
        sa.Column("failure_params", sa.JSON(), nullable=False),
        *(one for one in more if not isinstance(one, sa.Column)),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
    )
