"""What Stripe takes as an amount (APIS §9): minor units of its own kind, bounded on both sides."""

from typing import Final

from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_replies import invalid

MOST: Final = 99_999_999
_ZERO: Final = frozenset(
    (
        *(
            "bif",
            "clp",
            "djf",
            "gnf",
            "jpy",
            "kmf",
            "krw",
            "mga",
            "pyg",
            "rwf",
            "ugx",
            "vnd",
            "vuv",
        ),
        *("xaf", "xof", "xpf"),
    )
)
_THREE: Final = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
_TWO: Final = frozenset(
    (
        *(
            "aed",
            "afn",
            "all",
            "amd",
            "ang",
            "aoa",
            "ars",
            "aud",
            "awg",
            "azn",
            "bam",
            "bbd",
            "bdt",
        ),
        *(
            "bgn",
            "bmd",
            "bnd",
            "bob",
            "brl",
            "bsd",
            "bwp",
            "byn",
            "bzd",
            "cad",
            "cdf",
            "chf",
            "cny",
        ),
        *(
            "cop",
            "crc",
            "cve",
            "czk",
            "dkk",
            "dop",
            "dzd",
            "egp",
            "etb",
            "eur",
            "fjd",
            "fkp",
            "gbp",
        ),
        *(
            "gel",
            "gip",
            "gmd",
            "gtq",
            "gyd",
            "hkd",
            "hnl",
            "htg",
            "huf",
            "idr",
            "ils",
            "inr",
            "isk",
        ),
        *(
            "jmd",
            "kes",
            "kgs",
            "khr",
            "kyd",
            "kzt",
            "lak",
            "lbp",
            "lkr",
            "lrd",
            "lsl",
            "mad",
            "mdl",
        ),
        *(
            "mkd",
            "mmk",
            "mnt",
            "mop",
            "mur",
            "mvr",
            "mwk",
            "mxn",
            "myr",
            "mzn",
            "nad",
            "ngn",
            "nio",
        ),
        *(
            "nok",
            "npr",
            "nzd",
            "pab",
            "pen",
            "pgk",
            "php",
            "pkr",
            "pln",
            "qar",
            "ron",
            "rsd",
            "rub",
        ),
        *(
            "sar",
            "sbd",
            "scr",
            "sek",
            "sgd",
            "shp",
            "sle",
            "sos",
            "srd",
            "std",
            "szl",
            "thb",
            "tjs",
        ),
        *(
            "top",
            "try",
            "ttd",
            "twd",
            "tzs",
            "uah",
            "usd",
            "uyu",
            "uzs",
            "wst",
            "xcd",
            "yer",
            "zar",
        ),
        "zmw",
    )
)
_LEAST: Final = {
    "aed": 200,
    "bgn": 100,
    "czk": 1_500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17_500,
    "mxn": 1_000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1_000,
}
_LEAST_OTHERWISE: Final = 50
_LEAST_OF_THOUSANDS: Final = 200


def currency_of(params: Params) -> str:
    """Raises `StripeRefusal`."""
    code = params.required("currency").lower()
    if code not in _ZERO | _TWO | _THREE:
        raise invalid(f"Invalid currency: {code[:20]}.", "currency")
    return code


def charge_amount(params: Params, currency: str) -> int:
    """Of a payment. Raises `StripeRefusal`."""
    amount = positive(params, "amount")
    if amount > MOST:
        message = f"Amount must be no more than {text(MOST, currency)}"
        raise invalid(message, "amount", "amount_too_large")
    otherwise = _LEAST_OF_THOUSANDS if currency in _THREE else _LEAST_OTHERWISE
    least = _LEAST.get(currency, otherwise)
    if amount < least:
        message = f"Amount must be at least {text(least, currency)}"
        raise invalid(message, "amount", "amount_too_small")
    check_unit(amount, currency)
    return amount


def check_unit(amount: int, currency: str) -> None:
    """Some currencies are counted in tens or hundreds. Raises `StripeRefusal`."""
    unit = 10 if currency in _THREE else 100 if currency == "isk" else 1
    if amount % unit:
        message = f"Invalid amount: {currency} must be a multiple of {unit}."
        raise invalid(message, "amount", "parameter_invalid_integer")


def positive(params: Params, name: str) -> int:
    """Raises `StripeRefusal`."""
    amount = params.integer(name)
    if amount is None:
        raise params.missing(name)
    if amount < 1:
        raise invalid(
            "This value must be greater than or equal to 1.",
            params.path(name),
            "parameter_invalid_integer",
        )
    return amount


def text(amount: int, currency: str) -> str:
    """`12.34 eur`, for messages."""
    digits = 0 if currency in _ZERO else 3 if currency in _THREE else 2
    if not digits:
        return f"{amount} {currency}"
    whole, part = divmod(amount, 10**digits)
    return f"{whole}.{part:0{digits}} {currency}"
