"""An itinerary as iCalendar: what RFC 5545 asks for, read back by a strict reader."""

from typing import Any

from http_fakes import World

from core.errors import Rejected
from core.ports.plans import BookedPart, CalendarAddress
from gateways.http.calendar_text import Entry, calendar_text, entries_of
from protocol.plan import OpenPlan, PlanItem, PlanOpened, ReadItinerary

NOW = 1_800_000_000_000
ROOM = "0190a000-0000-7000-8000-000000000001"


def read(text: str) -> list[dict[str, str]]:
    """The events, property by property. Fails on what the RFC forbids."""
    assert text.endswith("\r\n")
    lines: list[str] = []
    for raw in text.removesuffix("\r\n").split("\r\n"):
        assert "\n" not in raw
        assert "\r" not in raw
        assert len(raw.encode()) <= 75
        if raw.startswith(" "):
            lines[-1] += raw[1:]
        else:
            lines.append(raw)
    assert (lines[0], lines[1], lines[-1]) == ("BEGIN:VCALENDAR", "VERSION:2.0", "END:VCALENDAR")
    events: list[dict[str, str]] = []
    for line in lines:
        name, is_property, value = line.partition(":")
        assert is_property
        if line == "BEGIN:VEVENT":
            events.append({})
        elif events and name not in ("END",):
            assert name not in events[-1]
            events[-1][name] = value
    for event in events:
        assert {"UID", "DTSTAMP", "SUMMARY"} <= set(event)
    assert len({event["UID"] for event in events}) == len(events)
    return events


def item(kind: Any, id: str, **fields: Any) -> PlanItem:
    return PlanItem(id=id, kind=kind, fields=fields)


def test_days_their_stops_and_what_is_booked_are_events() -> None:
    items = [
        item("stop", "early", title="before any day"),
        item("day", "d1", title="Friday", date="2027-05-31", note="pack\nlight"),
        item(
            "stop", "s1", title="Museum", startsAt="10:00", endsAt="12:30", address="Rua 1, Lisboa"
        ),
        item("stop", "s2", title="Somewhere"),
        item("stop", "s4", title="Train", startsAt="14:00", endsAt="14:00"),
        item("poll", "p", title="no event"),
        item("day", "d2", title="no date"),
        item("stop", "s3", title="no day"),
        item("day", "d3", title="not a day", date="2027-02-30"),
        item("day", "d4", title="no day after it", date="9999-12-31"),
    ]
    booked = [
        BookedPart(
            booking_id="b",
            part_id="f1",
            title="TP1 LIS–BER",
            starts="2027-05-31T08:10:00",
            ends="2027-05-31T12:00:00",
            where="LIS",
        ),
        BookedPart(
            booking_id="b", part_id="h1", title="Hotel", starts="2027-05-31", ends="2027-06-02"
        ),
    ]
    events = read(calendar_text("Lisbon", ROOM, entries_of(items, booked), now=NOW))
    assert [event["SUMMARY"] for event in events] == [
        "Friday",
        "Museum",
        "Somewhere",
        "Train",
        "TP1 LIS–BER",
        "Hotel",
    ]
    day, museum, somewhere, train, flight, hotel = events
    assert day["DTSTART;VALUE=DATE"] == "20270531"
    assert day["DTEND;VALUE=DATE"] == "20270601"
    assert day["DESCRIPTION"] == "pack\\nlight"
    assert (museum["DTSTART"], museum["DTEND"]) == ("20270531T100000", "20270531T123000")
    assert museum["LOCATION"] == "Rua 1\\, Lisboa"
    assert somewhere["DTSTART;VALUE=DATE"] == "20270531"
    # An end comes after its beginning (§3.8.2.2).
    assert (train["DTSTART"], "DTEND" in train) == ("20270531T140000", False)
    # It lands in another zone: an end would be read as of the first.
    assert (flight["DTSTART"], "DTEND" in flight) == ("20270531T081000", False)
    assert flight["DESCRIPTION"].endswith("2027-05-31 12:00")
    assert hotel["DTEND;VALUE=DATE"] == "20270602"
    assert day["DTSTAMP"] == "20270115T080000Z"


def test_nothing_that_people_write_breaks_out_of_its_line() -> None:
    title = "a;b,c\\d\r\nEND:VEVENT\r\nX:\x07" + "ü€😀" * 60
    [event] = read(
        calendar_text(title, ROOM, [Entry(uid="u", title=title, starts="2027-05-14")], now=NOW)
    )
    shown = event["SUMMARY"].replace("\\n", "\n").replace("\\;", ";").replace("\\,", ",")
    assert shown.replace("\\\\", "\\") == title.replace("\r", "").replace("\x07", "")


async def test_an_address_shows_the_holders_itinerary_and_ends_with_its_right() -> None:
    world = World()
    address = CalendarAddress(tenant_id=1, room_id="room-1", user_id="user-1")
    secret = await world.calendars.share(address, at=0)
    day = item("day", "d", title="Friday", date="2027-05-14")
    world.actors.answer = lambda _, message: (
        PlanOpened(version=1, items=[day])
        if message == ReadItinerary(user_id="user-1")
        else Rejected("bad_request", "This is not understood.")
    )
    answer = await world.call("GET", f"/calendar/{secret}.ics")
    assert answer.status == 200
    assert [event["SUMMARY"] for event in read(answer.raw.decode())] == ["Friday"]
    world.actors.answer = lambda _, __: Rejected("not_found", "There is no such room.")
    assert (await world.call("GET", f"/calendar/{secret}.ics")).status == 404
    assert (await world.call("GET", "/calendar/another.ics")).status == 404


async def test_a_room_that_is_not_ones_own_has_no_address_to_revoke() -> None:
    world = World()
    token = world.token()
    path = "/api/v1/chat/rooms/room-1/calendar"
    world.actors.answer = lambda _, message: (
        PlanOpened(version=1, items=[])
        if message == OpenPlan(room_id="room-1")
        else Rejected("bad_request", "This is not understood.")
    )
    assert (await world.call("DELETE", path, token=token)).json == {"ended": False}
    assert (await world.call("POST", path, token=token)).status == 201
    world.actors.answer = lambda _, __: Rejected("not_found", "There is no such room.")
    # Who left revokes what they still have there.
    assert (await world.call("DELETE", path, token=token)).json == {"ended": True}
    assert (await world.call("DELETE", path, token=token)).status == 404
