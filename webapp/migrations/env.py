"""What Alembic runs: the migrations over the connection that `webapp.core.schema` hands it."""

from typing import Any, Literal

from alembic import context

from webapp.core.database import UtcDateTime
from webapp.core.schema import metadata


def render(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Write our own types into new migrations as the plain ones they are stored as."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    render_item=render,
)
with context.begin_transaction():
    context.run_migrations()
