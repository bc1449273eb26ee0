"""Runs are found by their words; schedules have trouble; old outputs are deleted.

The triggers below belong to the tables `run` and `request`: whoever makes one of these anew in a
later migration (as batch mode does on SQLite) has to drop the triggers before and make them again.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LIVE = "('planning', 'proposed', 'running', 'synthesizing')"
FAILED = "('failed', 'stopped', 'expired')"
DEAD = (
    "EXISTS (SELECT 1 FROM request WHERE request.run_id = run.id"
    " AND request.kind = 'dead_letter' AND request.status = 'open')"
)

# No task is searched beyond this: PostgreSQL has a limit on what it indexes.
MOST_CHARS = 100_000

# --- SQLite: an FTS5 index over the table -----------------------------------------------------

SQLITE_SCOPE = f"""(
    SELECT 'u' || team_id || requester || coalesce(' c' || team_id || channel, '')
        || CASE WHEN status IN {LIVE} THEN ' islive' WHEN status IN {FAILED} THEN ' isfailed' ELSE '' END
        || CASE WHEN {DEAD} THEN ' isdead' ELSE '' END
    FROM run WHERE run.id = %s)"""
SQLITE_ADD = f"""
    INSERT INTO run_text (run_id, scope, words)
    SELECT id, {SQLITE_SCOPE % "whole.id"}, name || ' ' || substr(task, 1, {MOST_CHARS})
    FROM run AS whole"""
SQLITE_RENEW = f"UPDATE run_text SET scope = {SQLITE_SCOPE % 'run_text.run_id'} WHERE run_id = %s;"
SQLITE_FORGET = (
    "INSERT INTO run_words (run_words, rowid, scope, words)"
    " VALUES ('delete', old.id, old.scope, old.words);"
)
SQLITE_NOTE = "INSERT INTO run_words (rowid, scope, words) VALUES (new.id, new.scope, new.words);"
SQLITE = (
    """CREATE VIRTUAL TABLE run_words USING fts5 (
        scope, words, content='run_text', content_rowid='id', columnsize=0, prefix='3 4 5 6',
        tokenize='unicode61 remove_diacritics 2')""",
    f"CREATE TRIGGER run_text_added AFTER INSERT ON run_text BEGIN {SQLITE_NOTE} END",
    f"CREATE TRIGGER run_text_removed AFTER DELETE ON run_text BEGIN {SQLITE_FORGET} END",
    f"""CREATE TRIGGER run_text_changed AFTER UPDATE ON run_text
        WHEN old.scope <> new.scope OR old.words <> new.words
        BEGIN {SQLITE_FORGET} {SQLITE_NOTE} END""",
    f"CREATE TRIGGER run_added AFTER INSERT ON run BEGIN {SQLITE_ADD} WHERE id = new.id; END",
    f"""CREATE TRIGGER run_changed AFTER UPDATE OF status, team_id, requester, channel ON run
        WHEN old.status <> new.status OR old.team_id <> new.team_id
            OR old.requester <> new.requester OR old.channel IS NOT new.channel
        BEGIN {SQLITE_RENEW % "new.id"} END""",
    f"""CREATE TRIGGER dead_letter_added AFTER INSERT ON request
        WHEN new.kind = 'dead_letter' BEGIN {SQLITE_RENEW % "new.run_id"} END""",
    f"""CREATE TRIGGER dead_letter_changed AFTER UPDATE OF status ON request
        WHEN new.kind = 'dead_letter' AND old.status <> new.status
        BEGIN {SQLITE_RENEW % "new.run_id"} END""",
    f"{SQLITE_ADD} ORDER BY id",
)

# --- PostgreSQL: text search vectors ----------------------------------------------------------

# What separates words is the same for everything that is indexed and searched.
POSTGRES = (
    r"""CREATE FUNCTION run_words(said text) RETURNS tsvector IMMUTABLE LANGUAGE sql AS $$
        SELECT to_tsvector('simple', regexp_replace(said,
            '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+',
            ' ', 'g'))
    $$""",
    f"""CREATE FUNCTION run_scope(run run) RETURNS tsvector STABLE LANGUAGE sql AS $$
        SELECT array_to_tsvector(array_remove(ARRAY[
            'u' || run.team_id || run.requester, 'c' || run.team_id || run.channel,
            CASE WHEN run.status IN {LIVE} THEN 'islive'
                WHEN run.status IN {FAILED} THEN 'isfailed' END,
            CASE WHEN {DEAD} THEN 'isdead' END], NULL))
    $$""",
    f"""CREATE FUNCTION add_run_text() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO run_text (run_id, scope, words) VALUES
            (NEW.id, run_scope(NEW), run_words(NEW.name || ' ' || left(NEW.task, {MOST_CHARS})));
        RETURN NULL;
    END $$""",
    """CREATE FUNCTION renew_run_text() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE run_text SET scope = run_scope(run) FROM run
            WHERE run.id = NEW.id AND run_text.run_id = NEW.id AND scope <> run_scope(run);
        RETURN NULL;
    END $$""",
    """CREATE FUNCTION renew_run_text_of_request() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE run_text SET scope = run_scope(run) FROM run
            WHERE run.id = NEW.run_id AND run_text.run_id = NEW.run_id AND scope <> run_scope(run);
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER run_added AFTER INSERT ON run
        FOR EACH ROW EXECUTE FUNCTION add_run_text()""",
    """CREATE TRIGGER run_changed AFTER UPDATE OF status, team_id, requester, channel ON run
        FOR EACH ROW EXECUTE FUNCTION renew_run_text()""",
    """CREATE TRIGGER dead_letter_added AFTER INSERT ON request
        FOR EACH ROW WHEN (NEW.kind = 'dead_letter')
        EXECUTE FUNCTION renew_run_text_of_request()""",
    """CREATE TRIGGER dead_letter_changed AFTER UPDATE OF status ON request
        FOR EACH ROW WHEN (NEW.kind = 'dead_letter' AND OLD.status <> NEW.status)
        EXECUTE FUNCTION renew_run_text_of_request()""",
    f"""INSERT INTO run_text (run_id, scope, words)
        SELECT id, run_scope(run), run_words(name || ' ' || left(task, {MOST_CHARS}))
        FROM run ORDER BY id""",
)


def upgrade() -> None:
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_run_uncleared",
            ["finished_at"],
            unique=False,
            sqlite_where=sa.text("finished_at IS NOT NULL AND cleared_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NOT NULL AND cleared_at IS NULL"),
        )
    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trouble", sa.Text(), nullable=False, server_default=""))
        batch_op.create_index("uq_schedule_team_id_name", ["team_id", "name"], unique=True)

    words = sa.Text().with_variant(TSVECTOR(), "postgresql")
    op.create_table(
        "run_text",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("scope", words, nullable=False),
        sa.Column("words", words, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_run_text_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_text")),
    )
    op.create_index("uq_run_text_run_id", "run_text", ["run_id"], unique=True)
    is_postgres = op.get_bind().dialect.name == "postgresql"
    if is_postgres:
        op.create_index("ix_run_text_words", "run_text", ["scope", "words"], postgresql_using="gin")
    for statement in POSTGRES if is_postgres else SQLITE:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for name, table in (
        ("run_added", "run"),
        ("run_changed", "run"),
        ("dead_letter_added", "request"),
        ("dead_letter_changed", "request"),
    ):
        op.execute(f"DROP TRIGGER {name} ON {table}" if is_postgres else f"DROP TRIGGER {name}")
    if is_postgres:
        for function in ("add_run_text", "renew_run_text", "renew_run_text_of_request"):
            op.execute(f"DROP FUNCTION {function}")
        op.execute("DROP FUNCTION run_scope")
        op.execute("DROP FUNCTION run_words")
    op.drop_table("run_text")
    if not is_postgres:
        op.execute("DROP TABLE run_words")
    with op.batch_alter_table("schedule") as batch_op:
        batch_op.drop_index("uq_schedule_team_id_name")
        batch_op.drop_column("trouble")
    with op.batch_alter_table("run") as batch_op:
        batch_op.drop_index("ix_run_uncleared")
        batch_op.drop_column("cleared_at")
