"""Users in one table, or in 16 hash partitions? Run: .venv/bin/python -m benchmarks.users_partitioning

Prints, for each layout, rows inserted per second (in bulk, and one per transaction) and microseconds per
look-up by id and by handle, with an embedded PostgreSQL of its own. Look-ups run in a loop inside the
server: over a connection, what is measured is where the scheduler puts two processes. Layouts take turns
in every round, and the median round counts. Takes less than a minute.
"""

import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import trio

from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.embedded import Embedded
from storage.postgres.pool import Connection, Database

ROWS = 300_000
CHUNK = 10_000
SINGLES = 300
LOOKUPS = 4_000
ROUNDS = 15

COLUMNS = """id uuid NOT NULL, tenant_id int NOT NULL, handle text NOT NULL, name text NOT NULL,
    email text NOT NULL, role text NOT NULL, created_at int8 NOT NULL"""
PARTITIONS = "".join(
    f"CREATE TABLE {{table}}_{n} PARTITION OF {{table}} FOR VALUES WITH (MODULUS 16, REMAINDER {n});"
    for n in range(16)
)
LOCAL = """CREATE INDEX ON {table} (tenant_id, lower(handle));
    CREATE INDEX ON {table} (tenant_id, lower(email));"""
LAYOUTS = {
    "one": f"""CREATE TABLE {{table}} ({COLUMNS}, PRIMARY KEY (id));
        CREATE UNIQUE INDEX ON {{table}} (tenant_id, lower(handle));
        CREATE UNIQUE INDEX ON {{table}} (tenant_id, lower(email));""",
    "hash16": f"""CREATE TABLE {{table}} ({COLUMNS}, PRIMARY KEY (id)) PARTITION BY HASH (id);
        {PARTITIONS} {LOCAL}""",
    "hash16_names": f"""CREATE TABLE {{table}} ({COLUMNS}, PRIMARY KEY (id)) PARTITION BY HASH (id);
        {PARTITIONS}
        CREATE TABLE {{table}}_handle (tenant_id int, handle text, id uuid NOT NULL,
                                       PRIMARY KEY (tenant_id, handle));
        CREATE TABLE {{table}}_email (tenant_id int, email text, id uuid NOT NULL,
                                      PRIMARY KEY (tenant_id, email));""",
}
MEANING = {
    "one": "one table, e-mail and handle unique",
    "hash16": "16 partitions, nothing unique but the id",
    "hash16_names": "16 partitions, uniqueness in two tables beside",
}
SELECT = """SELECT uuidv7() AS id, 1 AS tenant_id, 'user' || n AS handle, 'A Name' AS name,
    'user' || n || '@example.test' AS email, 'user' AS role, n AS created_at
    FROM generate_series($1::int, $2::int) AS n"""
INSERTS = {
    "one": f"INSERT INTO {{table}} {SELECT}",
    "hash16": f"INSERT INTO {{table}} {SELECT}",
    "hash16_names": f"""WITH made AS (INSERT INTO {{table}} {SELECT} RETURNING *),
        handles AS (INSERT INTO {{table}}_handle SELECT tenant_id, lower(handle), id FROM made)
        INSERT INTO {{table}}_email SELECT tenant_id, lower(email), id FROM made""",
}
BY_HANDLE = "SELECT * FROM {table} WHERE tenant_id = 1 AND lower(handle) = lower($1)"
BY_HANDLES = {
    "one": BY_HANDLE,
    "hash16": BY_HANDLE,
    "hash16_names": """SELECT t.* FROM {table}_handle h JOIN {table} t USING (id)
        WHERE h.tenant_id = 1 AND h.handle = lower($1)""",
}


LOOP = """CREATE FUNCTION {table}_{what}(wanted {kind}[]) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE one {kind}; found record;
    BEGIN FOREACH one IN ARRAY wanted LOOP {query} ; END LOOP; END $$"""


async def fill(connection: Connection, layout: str) -> float:
    """Make a layout and its look-up loops; rows per second."""
    table = f"account_{layout}"
    await connection.execute(LAYOUTS[layout].format(table=table))
    started = time.perf_counter()
    for first in range(0, ROWS, CHUNK):
        await connection.execute(INSERTS[layout].format(table=table), first, first + CHUNK - 1)
    rate = ROWS / (time.perf_counter() - started)
    by_id = "SELECT * INTO found FROM {table} WHERE id = one"
    by_handle = BY_HANDLES[layout].replace("$1", "one").replace("SELECT t.*", "SELECT *")
    by_handle = by_handle.replace("SELECT *", "SELECT * INTO found", 1)
    for what, kind, query in (("by_id", "uuid", by_id), ("by_handle", "text", by_handle)):
        sql = LOOP.format(table=table, what=what, kind=kind, query=query.format(table=table))
        await connection.execute(sql)
    for suffix in ("", "_handle", "_email") if layout == "hash16_names" else ("",):
        await connection.execute(f"VACUUM ANALYZE {table}{suffix}")
    return rate


async def insert_singly(connection: Connection, layout: str, first: int) -> float:
    """Rows per second, each its own durable transaction."""
    sql = INSERTS[layout].format(table=f"account_{layout}")
    started = time.perf_counter()
    for number in range(first, first + SINGLES):
        await connection.execute(sql, number, number)
    return SINGLES / (time.perf_counter() - started)


async def look_up(connection: Connection, layout: str, what: str, seed: int) -> float:
    """Microseconds per look-up of users anywhere in the table."""
    column = what.removeprefix("by_")
    rows = await connection.fetch(
        f"SELECT {column} AS value FROM account_{layout} WHERE created_at = ANY($1::int8[])",
        random.Random(seed).sample(range(ROWS), LOOKUPS),
    )
    values = [row["value"] for row in rows]
    random.Random(seed).shuffle(values)
    started = time.perf_counter()
    await connection.fetch(f"SELECT account_{layout}_{what}($1)", values)
    return (time.perf_counter() - started) / len(values) * 1e6


async def measure(connection: Connection) -> dict[str, dict[str, float]]:
    """Figures by layout."""
    bulk = {layout: await fill(connection, layout) for layout in LAYOUTS}
    rounds: dict[tuple[str, str], list[float]] = {}
    for turn in range(ROUNDS):
        for layout in LAYOUTS:
            first = ROWS + turn * SINGLES
            single = await insert_singly(connection, layout, first)
            rounds.setdefault((layout, "single rows/s"), []).append(single)
            for what in ("by_id", "by_handle"):
                took = await look_up(connection, layout, what, turn)
                rounds.setdefault((layout, f"{what} µs"), []).append(took)
    names = ("single rows/s", "by_id µs", "by_handle µs")
    return {
        layout: {"bulk rows/s": bulk[layout]}
        | {name: statistics.median(rounds[layout, name]) for name in names}
        for layout in LAYOUTS
    }


async def main(folder: Path) -> None:
    server = Embedded(folder)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        async with AsyncioBridge() as bridge, Database(server.dsn, bridge, size=1) as database:
            figures = await database.call(measure)
        nursery.cancel_scope.cancel()
    for layout, ours in figures.items():
        report = ", ".join(
            f"{name} {value:,.1f} (×{value / figures['one'][name]:.2f})"
            for name, value in ours.items()
        )
        print(f"{MEANING[layout]}: {report}")


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="caravan-benchmark-"))
    place.chmod(0o711)
    try:
        trio.run(main, place)
    finally:
        shutil.rmtree(place)
