"""Run the migrations over the connection that `webapp.core.schema` provides; Alembic runs this file."""

from typing import Any, Literal

from alembic import context

import webapp.application  # noqa: F401 -- every package with tables is imported from there
from webapp.core.database import Base, UtcDateTime


def render(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Write our own column types into new migrations as the types they are stored as."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_item=render,
)
with context.begin_transaction():
    context.run_migrations()
