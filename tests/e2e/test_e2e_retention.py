"""A room that keeps its messages for a day, on a whole server: nothing older is there, for anybody."""

from dataclasses import replace
from pathlib import Path

import trio
from postgres_for_tests import until
from raw_client import Frame, on_stage, register

from commands.serving import serving
from commands.wiring import Server
from core.config import Config
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.pool import Connection, Database

DAY_MS = 86_400_000


async def age(connection: Connection, room_id: str, up_to: int) -> None:
    """Two days for the oldest events of a room (in UTC's first days of a month: to another leaf)."""
    await connection.execute(
        "UPDATE message SET sent_at = sent_at - $3::int8 WHERE room_id = $1 AND seq <= $2",
        room_id,
        up_to,
        2 * DAY_MS,
    )


async def test_what_a_room_may_not_keep_is_gone_while_people_talk(
    dsn: str, bridge: AsyncioBridge, tmp_path: Path
) -> None:
    config = Config(http_port=0, ws_port=0, data_dir=tmp_path, database_url=dsn, rate_limits=False)
    async with (
        serving(config, node="n", key=b"k" * 32) as server,
        Database(dsn, bridge, size=1) as database,
        on_stage(server.http_url, server.ws_url) as stage,
    ):
        person = await trio.to_thread.run_sync(register, server.http_url, "Ada")
        ada = await stage.enter(person)
        room = await stage.room(ada)
        said = [await ada.say(room, f"message {number}") for number in range(6)]
        last_old, first = said[2]["seq"], said[3]["seq"]
        await ada.ask("room.update", roomId=room["id"], settings={"retentionDays": 1})
        await database.call(age, room["id"], last_old)

        await server.keep_house()

        page = await ada.ask("chat.history", roomId=room["id"])
        assert [message["seq"] for message in page["messages"]] == [s["seq"] for s in said[3:]]
        assert page["hasMore"] is False
        joined = await ada.ask("room.join", roomId=room["id"], after=place(room, last_old - 1))
        assert (joined["verdict"], joined["room"]["first"]) == ("reset", first)
        joined = await ada.ask("room.join", roomId=room["id"], after=place(room, last_old))
        assert joined["verdict"] == "complete"
        gone = await ada.refused(
            "chat.edit", roomId=room["id"], messageId=said[0]["messageId"], content="x"
        )
        assert gone["code"] == "not_found"


async def test_a_server_that_waits_for_its_turn_takes_no_news_and_keeps_no_house(
    dsn: str, bridge: AsyncioBridge, tmp_path: Path
) -> None:
    """Whoever is connected, and every room that is awake, would not hear of it."""
    serves = Config(http_port=0, ws_port=0, data_dir=tmp_path / "a", database_url=dsn)
    waits = replace(serves, data_dir=tmp_path / "b")
    async with (
        serving(replace(serves, rate_limits=False), node="a", key=b"k" * 32) as server,
        serving(waits, node="b", key=b"k" * 32) as waiting,
        Database(dsn, bridge, size=1) as database,
        on_stage(server.http_url, server.ws_url) as stage,
    ):
        person = await trio.to_thread.run_sync(register, server.http_url, "Ada")
        ada = await stage.enter(person)
        room = await stage.room(ada)
        said = [await ada.say(room, f"message {number}") for number in range(6)]
        await ada.ask("room.update", roomId=room["id"], settings={"retentionDays": 1})
        await database.call(age, room["id"], said[2]["seq"])

        await waiting.keep_house()

        page = await ada.ask("chat.history", roomId=room["id"])
        assert len(page["messages"]) == 6
        await until(lambda: delivered(server) > 0)
        assert delivered(waiting) == 0


def delivered(server: Server) -> float:
    """To read models and inboxes."""
    figures = server.actors.outbox.statistics()
    return sum(number for name, number in figures.items() if name.endswith("_delivered"))


def place(room: Frame, seq: int) -> Frame:
    return {"epoch": room["epoch"], "seq": seq}
