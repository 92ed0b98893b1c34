"""The booking's machine, input by input."""

from actors.booking.steps import Approve
from booking_world import CARD, T0, stay, flight, world, World


def everybody_pays(w: World) -> None:
    for number, share in enumerate(w.saga.shares):
        if share.amount.amount:
            w.put(Approve(user_id=share.user_id, method=CARD, client_id=f"{share.user_id}{number}"))
    w.settle()


def test_three_people_approve_and_the_trip_is_booked_and_ticketed() -> None:
    w = world()
    everybody_pays(w)
    w.pass_time(T0 + 60_000)
    assert w.saga.state == "COMPLETED"
