"""The queue between processes, while its database breaks off connections."""

import asyncio

import pytest
import sqlalchemy as sa

from orchestrator.queue.postgres import PostgresQueue

PATIENCE_S = 20.0
# Nothing but the queue itself notices what is wrong within the test.
BEAT_S = 600.0

# Who ends the first job loses the connection over it.
_BREAK_OFF_THE_FIRST_END = (
    "CREATE SEQUENCE ends",
    """
    CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('ends') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN OLD;
    END $$
    """,
    """
    CREATE TRIGGER break_off BEFORE DELETE ON procrastinate_jobs
    FOR EACH ROW EXECUTE FUNCTION break_off()
    """,
)

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def test_a_run_is_not_held_by_a_job_whose_end_could_not_be_written_at_first(database):
    async with database.engine.begin() as connection:
        for statement in _BREAK_OFF_THE_FIRST_END:
            await connection.execute(sa.text(statement))
    advanced = asyncio.Queue()
    queue = PostgresQueue(database, advanced.put, advanced.put, concurrency=1, beat_s=BEAT_S)
    await queue.start()
    try:
        for _ in range(2):
            queue.advance("run")
            assert await asyncio.wait_for(advanced.get(), PATIENCE_S) == "run"
    finally:
        await queue.stop(grace_s=PATIENCE_S)
