"""What only PostgreSQL can get wrong: the order of commits, rebuilding, and what is swept away."""

import pytest
import trio

from core.ports.repositories import NewRoom, StoredAnswer
from protocol.chat import MessagePosted, Sender
from protocol.codec import encode
from storage.postgres.housekeeping import housekeeping
from storage.postgres.idempotency import PostgresIdempotencyKeys
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.rooms import PostgresRooms
from storage.postgres.search import PostgresSearch, SearchIndex

NOW = 1_790_000_000_000
DAY = 86_400_000
ADA = "01999999-0000-7000-8000-00000000000a"
ROOM = "01999999-0000-7000-8000-0000000000aa"
DOCUMENT = f"INSERT INTO search_document VALUES ('{ROOM}', 2, {NOW}, '{ROOM}', 1, '{ADA}', '')"
LOGIN = "01999999-0000-7000-8000-0000000000bb"


class ManualClock:
    def __init__(self):
        self.at_ms = NOW

    def now_ms(self):
        return self.at_ms

    def monotonic(self):
        return self.at_ms / 1_000


async def test_a_transaction_that_commits_late_is_not_overtaken_by_its_position(database):
    outbox = PostgresOutbox(database)
    await past_the_rebuild(outbox, "reader")
    async with database.own_connection() as slow:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, announce("slow"))
        await database.call(execute, announce("fast"))
        held = await outbox.next_batch("reader")
        assert held.events == []
        assert held.waiting == 1
        await slow.call(execute, "COMMIT")
    batch = await outbox.next_batch("reader")
    assert [event.key for event in batch.events] == ["slow", "fast"]


async def test_a_new_room_is_news_for_the_outbox_and_a_repeat_is_none(database):
    news = []
    rooms = PostgresRooms(database, on_stored=lambda: news.append("stored"))
    for _ in range(2):
        await rooms.create(a_room(created_at=NOW))
    assert news == ["stored"]


async def test_a_later_position_of_an_earlier_transaction_is_not_skipped_past_an_earlier_one(
    database,
):
    outbox = PostgresOutbox(database)
    await past_the_rebuild(outbox, "reader")
    async with database.own_connection() as first, database.own_connection() as second:
        for connection in (first, second):
            await connection.call(execute, "BEGIN")
            await connection.call(execute, "SELECT pg_current_xact_id()")
        await second.call(execute, announce("taken first"))
        await first.call(execute, announce("committed first"))
        await first.call(execute, "COMMIT")
        early = await outbox.next_batch("reader")
        await outbox.move("reader", early.place)
        await second.call(execute, "COMMIT")
    late = await outbox.next_batch("reader")
    assert [event.key for event in early.events] == ["committed first"]
    assert [event.key for event in late.events] == ["taken first"]


async def test_a_place_taken_for_a_rebuild_lies_before_what_still_runs(database):
    outbox = PostgresOutbox(database)
    await outbox.next_batch("reader")
    async with database.own_connection() as slow:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, announce("slow"))
        place = await outbox.place_now()
        await slow.call(execute, "COMMIT")
    await outbox.end_rebuild("reader", place)
    assert [e.key for e in (await outbox.next_batch("reader")).events] == ["slow"]


async def test_the_index_forgets_and_is_made_again_from_whole_logs(database):
    await a_room_with(database, ["tea", "coffee", "tea again"])
    index, search = SearchIndex(database), PostgresSearch(database)
    await index.receive(await PostgresOutbox(database).whole_logs(None))
    assert await seqs(search, "tea") == [4, 2]
    await index.rebuild()
    assert await seqs(search, "tea") == []
    await index.receive(await PostgresOutbox(database).whole_logs(None))
    assert await seqs(search, "tea") == [4, 2]


async def test_a_row_that_nobody_can_read_holds_nothing_up(database):
    await a_room_with(database, ["tea", b"\xc1 junk", "tea again"])
    await SearchIndex(database).receive(await PostgresOutbox(database).whole_logs(None))
    assert await seqs(PostgresSearch(database), "tea") == [4, 2]


async def test_a_long_log_is_indexed_in_pages(database):
    await a_room_with(database, [f"number n{place}" for place in range(1_205)])
    await SearchIndex(database).receive(await PostgresOutbox(database).whole_logs(None))
    search = PostgresSearch(database)
    assert await seqs(search, "n0") == [2]
    assert await seqs(search, "n1204") == [1_206]


async def test_a_room_is_made_in_a_month_that_has_no_leaf_yet(database):
    rooms = PostgresRooms(database)
    assert await rooms.create(a_room(created_at=NOW + 400 * DAY)) == (ROOM, True)
    assert (await rooms.load(1, ROOM)).head == 1


async def test_a_log_emptied_by_retention_keeps_its_head(database):
    await a_room_with(database, ["tea"])
    await database.call(execute, "UPDATE room SET first = 3")
    await database.call(execute, "DELETE FROM message")
    assert (await PostgresRooms(database).load(1, ROOM)).head == 2


async def test_what_is_over_is_swept_away_and_what_lives_stays(database):
    clock = ManualClock()
    await a_login(database)
    keys = PostgresIdempotencyKeys(database, clock)
    await keys.begin("scope", "old", b"hash")
    for table, column in (("session", "id"), ("ticket", "hash"), ("refresh_token", "hash")):
        await database.call(execute, _row_of(table, column, "1", NOW - 1))
        await database.call(execute, _row_of(table, column, "2", NOW + 40 * DAY))
    await database.call(
        execute,
        f"INSERT INTO inbox_item VALUES ('{ADA}', 1, {NOW - 400 * DAY}, 1, 's', 'k', ''), ('{ADA}', 2, {NOW}, 1, 't', 'k', '')",
    )
    for number, ends_at in ((1, NOW - 701 * DAY), (2, NOW - 699 * DAY)):
        await database.call(
            execute,
            f"""INSERT INTO consultation (id, tenant_id, professional_id, starts_at, ends_at, tags)
                VALUES ('{ROOM[:-1]}{number}', 1, '{ADA}', {ends_at - 1}, {ends_at}, '{{}}')""",
        )
    clock.at_ms += 31 * DAY
    await database.call(execute, f"UPDATE login SET renewed_at = {clock.at_ms}")
    claim = await keys.begin("scope", "new", b"hash")
    removed = await housekeeping(database, clock)
    assert removed == {
        "months": 0,
        "messages": 0,
        "search_documents": 0,
        "sessions": 1,
        "tickets": 1,
        "logins": 0,
        "refresh_tokens": 1,
        "idempotency_keys": 1,
        "inbox_items": 1,
        "offers": 0,
        "runs": 0,
        "shown": 0,
        "feedback": 0,
        "memories": 0,
        "booking_months": 0,
        "trip_quotes": 0,
        "travellers": 0,
        "booking_keys": 0,
        "payment_attempts": 0,
        "consultations": 1,
        "webhook_events": 0,
        "outbox": 0,
    }
    assert set((await housekeeping(database, clock)).values()) == {0}
    await keys.finish(claim, StoredAnswer(body_hash=b"hash", status=200, body=b""))
    assert isinstance(await keys.begin("scope", "new", b"hash"), StoredAnswer)


async def test_a_login_that_was_not_refreshed_for_30_days_goes_with_all_it_had(database):
    clock = ManualClock()
    await a_login(database)
    await database.call(execute, _row_of("session", "id", "1", NOW + 99 * DAY))
    clock.at_ms += 30 * DAY
    assert (await housekeeping(database, clock))["logins"] == 1
    assert await database.call(count, "session") == 0


async def test_outbox_rows_go_once_every_subscriber_has_them(database):
    clock, outbox = ManualClock(), PostgresOutbox(database)
    for name in ("quick", "slow"):
        await past_the_rebuild(outbox, name)
    for key in ("one", "two"):
        await database.call(execute, announce(key))
    await outbox.move("quick", (await outbox.next_batch("quick")).place)
    assert (await housekeeping(database, clock))["outbox"] == 0
    await outbox.move("slow", (await outbox.next_batch("slow")).place)
    assert (await housekeeping(database, clock))["outbox"] == 2
    await database.call(execute, announce("three"))
    assert [e.key for e in (await outbox.next_batch("quick")).events] == ["three"]


async def test_news_arrive_after_a_restore_into_a_cluster_that_is_younger_than_the_dump(database):
    """A dump keeps the numbers of transactions that the other cluster had counted up to."""
    outbox = PostgresOutbox(database)
    for name in ("quick", "slow"):
        await past_the_rebuild(outbox, name)
    await database.call(execute, announce("one"))
    await outbox.move("quick", (await outbox.next_batch("quick")).place)
    for table in ("outbox", "outbox_position"):
        later = f"UPDATE {table} SET xid = (xid::text::int8 + 1000000)::text::xid8"
        await database.call(execute, later)
    await database.call(execute, announce("two"))
    for name, news in (("quick", ["two"]), ("slow", ["one", "two"])):
        batch = await outbox.next_batch(name)
        assert [event.key for event in batch.events] == news
        await outbox.move(name, batch.place)
    await database.call(execute, announce("three"))
    for name in ("quick", "slow"):
        batch = await outbox.next_batch(name)
        assert [event.key for event in batch.events] == ["three"]
        await outbox.move(name, batch.place)
    assert (await housekeeping(database, ManualClock()))["outbox"] == 3


async def test_what_is_used_again_as_it_is_swept_away_stays(database):
    """An old key is claimed anew: were it swept away now, a repeat of that call would have a second effect."""
    clock = ManualClock()
    await PostgresIdempotencyKeys(database, clock).begin("scope", "key", b"hash")
    clock.at_ms += 8 * DAY
    async with database.own_connection() as slow:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, f"UPDATE idempotency_key SET claimed_at = {clock.at_ms}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(housekeeping, database, clock)
            while not await database.call(waiting):
                pass
            await slow.call(execute, "COMMIT")
    assert await database.call(count, "idempotency_key") == 1


async def test_words_that_are_being_indexed_as_their_time_is_over_go_too(database):
    """The index has read the message, and waits for somebody else's row, as retention takes it away."""
    await a_room_with(database, ["tea"])
    await database.call(execute, """UPDATE room SET settings = '{"retentionDays":1}'""")
    index, clock, is_swept = SearchIndex(database), ManualClock(), trio.Event()
    clock.at_ms += 9 * DAY

    async def sweep():
        await housekeeping(database, clock)
        is_swept.set()

    async with database.own_connection() as slow:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, DOCUMENT)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(index.receive, await PostgresOutbox(database).whole_logs(None))
            while not await database.call(waiting):
                pass
            nursery.start_soon(sweep)
            while not is_swept.is_set() and await database.call(waiting) < 2:
                pass
            await slow.call(execute, "ROLLBACK")
    assert await database.call(count, "message") == 0
    assert await database.call(count, "search_document") == 0


@pytest.mark.parametrize("name", ["search", "quick"])
async def test_an_outbox_nobody_has_read_is_kept(database, name):
    await database.call(execute, announce("one"))
    await PostgresOutbox(database).next_batch(name)
    assert (await housekeeping(database, ManualClock()))["outbox"] == 0


async def past_the_rebuild(outbox, name):
    await outbox.next_batch(name)
    await outbox.end_rebuild(name, await outbox.place_now())


async def a_room_with(database, texts):
    await PostgresRooms(database).create(a_room(created_at=NOW))
    for seq, text in enumerate(texts, 2):
        await database.call(say, seq, text)


def a_room(*, created_at):
    return NewRoom(
        id=ROOM,
        tenant_id=1,
        kind="group",
        title="Lisbon",
        history="all",
        creator_id=ADA,
        client_id=LOGIN,
        direct_key=None,
        epoch="epoch",
        created_at=created_at,
        invited=(),
        created=b"created",
    )


async def say(connection, seq, text):
    message_id = f"01999999-0000-7000-8000-{seq:012x}"
    event = MessagePosted(
        room_id=ROOM,
        epoch="epoch",
        seq=seq,
        sent_at=NOW + seq,
        message_id=message_id,
        sender=Sender(id=ADA, kind="user", name="Ada"),
        content=text if isinstance(text, str) else "",
    )
    await connection.execute(
        """INSERT INTO message (seq, sent_at, room_id, tenant_id, kind, sender_id, body, message_id)
           VALUES ($1, $2, $3, 1, 1, $4, $5, $6)""",
        seq,
        NOW + seq,
        ROOM,
        ADA,
        text if isinstance(text, bytes) else encode(event),
        message_id,
    )


async def seqs(search, query):
    hits = await search.find(
        1, ADA, query=query, room_id=None, from_user=None, before=None, limit=50
    )
    return [hit.seq for hit in hits]


async def a_login(database):
    await database.call(
        execute,
        f"""INSERT INTO account (id, tenant_id, handle, name, email, role, locale, created_at)
            VALUES ('{ADA}', 1, 'ada', 'Ada', 'ada@example.test', 'user', 'en', {NOW});
            INSERT INTO login VALUES ('{LOGIN}', 1, '{ADA}', {NOW}, {NOW}, NULL)""",
    )


def _row_of(table, column, value, at):
    key = f"'01999999-0000-7000-8000-00000000000{value}'" if column == "id" else f"'\\x0{value}'"
    return {
        "session": f"INSERT INTO session VALUES ({key}, 1, '{ADA}', '{LOGIN}', 0, {at})",
        "ticket": f"INSERT INTO ticket VALUES ({key}, '{LOGIN}', 1, {at}, 0)",
        "refresh_token": f"INSERT INTO refresh_token VALUES ({key}, '{LOGIN}', 1, {at}, NULL)",
    }[table]


def announce(key):
    return f"INSERT INTO outbox (tenant_id, topic, key, first, last) VALUES (1, 't', '{key}', 1, 1)"


async def execute(connection, sql):
    await connection.execute(sql)


async def waiting(connection):
    """How many wait for locks of others."""
    return await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def count(connection, table):
    return await connection.fetchval(f"SELECT count(*) FROM {table}")
