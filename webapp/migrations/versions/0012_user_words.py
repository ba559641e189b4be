"""The words by which users are found, and indexes for the filters of their list."""

import re
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CHUNK_SIZE = 5000
# As in webapp.accounts.models at the time of this migration.
UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
MAX_WORD_LENGTH = 40

# The words of a user. They are letters and digits, so there is nothing to escape in JSON.
WORDS = {
    "sqlite": """json_each('["' || replace(trim({user}.search_text), ' ', '","') || '"]')""",
    "postgresql": "unnest(string_to_array({user}.search_text, ' ')) AS words (value)",
}
INSERT = "INSERT INTO user_words (word, user_id) SELECT DISTINCT value, {user}.id FROM {words} WHERE value != ''"
DELETE = "DELETE FROM user_words WHERE user_id = OLD.id"
TRIGGERS = {
    "sqlite": (
        "CREATE TRIGGER users_words_of_new AFTER INSERT ON users BEGIN {insert}; END",
        "CREATE TRIGGER users_words_of_changed AFTER UPDATE OF search_text ON users BEGIN {delete}; {insert}; END",
        "CREATE TRIGGER users_words_of_deleted AFTER DELETE ON users BEGIN {delete}; END",
    ),
    "postgresql": (
        "CREATE FUNCTION keep_user_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP != 'INSERT' THEN {delete}; END IF; IF TG_OP != 'DELETE' THEN {insert}; END IF; RETURN NULL; END $$",
        "CREATE TRIGGER keep_words AFTER INSERT OR DELETE OR UPDATE OF search_text ON users FOR EACH ROW "
        "EXECUTE FUNCTION keep_user_words()",
    ),
}


def upgrade() -> None:
    """Add them, with the words of the users that there are."""
    dialect = op.get_bind().dialect.name
    word = sa.String(MAX_WORD_LENGTH).with_variant(sa.String(MAX_WORD_LENGTH, collation="C"), "postgresql")
    op.create_table(
        "user_words",
        sa.Column("word", word, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", "user_id", name="pk_user_words"),
        sqlite_with_rowid=False,
    )
    op.drop_index("ix_users_role", "users")
    _rewrite_search_texts()
    # Sorted, so that the table and its index grow at their end.
    all_words = "users, " + WORDS[dialect].format(user="users")
    op.execute(INSERT.format(user="users", words=all_words) + " ORDER BY 1, 2")
    op.create_index("ix_user_words_user_id", "user_words", ["user_id"])
    op.create_index("ix_users_state", "users", ["state", "id"])
    op.create_index("ix_users_role", "users", ["role", "id"])
    op.create_index("ix_users_role_state", "users", ["role", "state", "id"])
    insert = INSERT.format(user="NEW", words=WORDS[dialect].format(user="NEW"))
    for statement in TRIGGERS[dialect]:
        op.execute(statement.format(insert=insert, delete=DELETE))


def downgrade() -> None:
    """Remove them. The texts stay, in which the version before finds words, too."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER keep_words ON users")
        op.execute("DROP FUNCTION keep_user_words()")
    else:
        for name in ("new", "changed", "deleted"):
            op.execute(f"DROP TRIGGER users_words_of_{name}")
    for index in ("ix_users_role_state", "ix_users_role", "ix_users_state"):
        op.drop_index(index, "users")
    op.create_index("ix_users_role", "users", ["role"])
    op.drop_table("user_words")


def _rewrite_search_texts() -> None:
    connection = op.get_bind()
    users = sa.table("users", sa.column("id"), sa.column("name"), sa.column("email"), sa.column("search_text"))
    change = sa.update(users).where(users.c.id == sa.bindparam("user_id")).values(search_text=sa.bindparam("text"))
    last = 0
    while True:
        chunk = sa.select(users.c.id, users.c.name, users.c.email).where(users.c.id > last)
        rows = connection.execute(chunk.order_by(users.c.id).limit(CHUNK_SIZE)).all()
        if not rows:
            return
        connection.execute(change, [{"user_id": row.id, "text": _search_text(row.name, row.email)} for row in rows])
        last = rows[-1].id


def _search_text(name: str, email: str) -> str:
    found = WORD.findall(normalize("NFC", f"{name} {email}").casefold())
    return "".join(f" {word}" for word in dict.fromkeys(word[:MAX_WORD_LENGTH] for word in found))
