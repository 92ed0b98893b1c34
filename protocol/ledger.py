"""Double entry, as values: what moved between which accounts, because of which intent.

Accounts: `psp:<provider>` (what providers hold for us), `participant:<user>` (what we owe people until
it is spent), `trip:<booking>`, `supplier:<supplier>`, `by_hand` (what our team has paid people otherwise, where
a refund failed), `suspense` (moved, and we do not know why). Debits are positive. A booking costs its people what its
suppliers take: there is no commission; and what a provider keeps of a payment stands in its own reports alone.
"""

from protocol.frames import Value
from protocol.ids import Currency


class Entry(Value, frozen=True, kw_only=True):
    """`amount` in minor units; positive debits the account."""

    account: str
    amount: int


class Posting(Value, frozen=True, kw_only=True):
    """Entries of one currency that add up to zero. `intent`: the number, within the booking, of the
    intent whose outcome moved the money. `is_memo`: an authorisation, which moves nothing: it is in no
    balance. `name`: unique in the booking, so that nothing is posted twice."""

    name: str
    intent: int
    currency: Currency
    entries: tuple[Entry, ...]
    is_memo: bool = False
