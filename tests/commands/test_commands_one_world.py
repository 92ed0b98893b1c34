from pathlib import Path
from typing import Any

import pytest

from commands.one_world import require_one_world
from core.config import Config, ConfigError, PaymentProvider, PayPalAccount, Supplier

OFF, LIVE = Supplier(mode="off"), Supplier(mode="live")
DUFFEL = Supplier(mode="live", key="duffel_live_1")
TEST = Supplier(mode="live", key="duffel_test_1")
NO_STRIPE, STRIPE = PaymentProvider(mode="off"), PaymentProvider(mode="live")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"duffel": DUFFEL, "amadeus": OFF, "stripe": STRIPE},
        {"duffel": DUFFEL, "stripe": NO_STRIPE},
        {"duffel": OFF, "amadeus": OFF, "stripe": STRIPE},
        {"amadeus": LIVE},  # nobody issues its tickets: for browsing
        {"duffel": TEST},
    ],
)
def test_what_is_of_one_world_may_start(settings: dict[str, Any]) -> None:
    require_one_world(Config(**settings))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"duffel": DUFFEL}, ("CARAVAN_DUFFEL_MODE", "CARAVAN_STRIPE", "play money")),
        (
            {"amadeus": LIVE, "consolidator_url": "https://desk.example"},
            ("CARAVAN_AMADEUS_MODE", "CARAVAN_STRIPE", "play money"),
        ),
        (
            {"amadeus": LIVE, "desk_card_file": Path("card")},
            ("CARAVAN_AMADEUS_MODE", "CARAVAN_STRIPE", "play money"),
        ),
        (
            {"duffel": DUFFEL, "stripe": NO_STRIPE, "paypal": PayPalAccount(mode="sandbox")},
            ("CARAVAN_DUFFEL_MODE", "CARAVAN_PAYPAL", "play money"),
        ),
        (
            {"duffel": TEST, "amadeus": OFF, "stripe": STRIPE},
            ("CARAVAN_DUFFEL_MODE is live with a test key", "CARAVAN_STRIPE", "nobody sells"),
        ),
        (
            {"duffel": DUFFEL, "stripe": STRIPE},  # and Amadeus was left as it is
            ("CARAVAN_AMADEUS_MODE", "CARAVAN_STRIPE", "nobody sells"),
        ),
    ],
)
def test_a_real_trip_and_play_money_keep_the_server_from_starting(
    settings: dict[str, Any], named: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        require_one_world(Config(**settings))
    assert [word for word in named if word not in str(caught.value)] == []
