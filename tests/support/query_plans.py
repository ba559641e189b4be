"""How a database would run the queries of a function."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from webapp.core.database import Database


def query_plans(database: Database, read: Callable[[Session], object]) -> list[str]:
    """Explain each statement that `read` sends. PostgreSQL would scan small tables, but mustn't here."""
    sent: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        sent.append((statement, parameters))

    with database.read() as session:
        connection, explain = session.connection(), "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            explain = "EXPLAIN"
            for method in ("seqscan", "bitmapscan"):
                session.execute(text(f"SET LOCAL enable_{method} = off"))
        event.listen(connection, "before_cursor_execute", keep)
        read(session)
        event.remove(connection, "before_cursor_execute", keep)
        return ["\n".join(row[-1] for row in connection.exec_driver_sql(f"{explain} {sql}", of)) for sql, of in sent]
