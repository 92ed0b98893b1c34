"""Real trips are for real money, and play money for played ones: whoever mixes them is told at the start."""

from typing import Final

from core.config import Config, ConfigError, SupplierMode

DUFFELS_TEST_KEYS: Final = "duffel_test_"


def require_one_world(config: Config) -> None:
    """Raises `ConfigError` where somebody could book a real trip with a played payment, or be charged for a trip
    that nobody sells."""
    payers = {"CARAVAN_STRIPE": config.stripe.mode, "CARAVAN_PAYPAL": config.paypal_mode}
    for seller, sold in _sellers(config).items():
        for payer, taken in payers.items():
            match sold, taken:
                case "live", "sandbox":
                    trouble = "real trips would be paid with play money"
                case "sandbox", "live":
                    trouble = "people would be charged for trips that nobody sells"
                case _:
                    continue
            raise ConfigError(
                f"{seller} and {payer} is {taken}: {trouble}. "
                "Set both to live or both to sandbox, or one of them to off."
            )


def _sellers(config: Config) -> dict[str, SupplierMode]:
    """What each sells in truth: nothing where Amadeus is for browsing, and Duffel's test mode plays."""
    amadeus, duffel = config.amadeus.mode, config.duffel.mode
    sells = bool(config.consolidator_url or config.desk_card_file)
    is_test = duffel == "live" and (config.duffel.key or "").startswith(DUFFELS_TEST_KEYS)
    return {
        f"CARAVAN_AMADEUS_MODE is {amadeus}": "off" if amadeus == "live" and not sells else amadeus,
        f"CARAVAN_DUFFEL_MODE is {duffel}{' with a test key' * is_test}": (
            "sandbox" if is_test else duffel
        ),
    }
