"""Names and numbers that a terminal shows instead of ids."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from commands.terminal_words import whole
from loadtest.accounts import Account, ApiError, LoginRefusedError, UnreachableError

MAX_KNOWN: Final = 5_000
MAX_NUMBERED: Final = 1_000


class Names(Mapping[str, str]):
    """User ids and their names; asks the server for the unknown. Bounded: the oldest goes."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._names: OrderedDict[str, str] = OrderedDict()

    def __getitem__(self, user_id: str) -> str:
        return self._names[user_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def learn(self, user_id: str, name: str) -> None:
        self._names[user_id] = name
        if len(self._names) > MAX_KNOWN:
            self._names.popitem(last=False)

    async def look_up(self, *user_ids: str) -> None:
        """Learn these names where they are unknown; what cannot be learnt stays unknown."""
        for user_id in user_ids:
            if user_id in self._names:
                continue
            try:
                token = await self._account.token()
                user = await self._account.api.user(token, user_id)
            except (ApiError, UnreachableError, LoginRefusedError):
                return
            if user is not None:
                self.learn(user_id, user["name"])


class Numbers(Mapping[str, int]):
    """The messages shown lately: ids by number and numbers by id. Bounded: the oldest goes."""

    def __init__(self) -> None:
        self._seqs: OrderedDict[str, int] = OrderedDict()
        self._ids: dict[int, str] = {}
        self._mine: list[str] = []

    def __getitem__(self, message_id: str) -> int:
        return self._seqs[message_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._seqs)

    def __len__(self) -> int:
        return len(self._seqs)

    def shown(self, message: Mapping[str, Any], *, is_mine: bool) -> None:
        message_id = message["messageId"]
        self._seqs[message_id] = message["seq"]
        self._ids[message["seq"]] = message_id
        if is_mine:
            self._mine = [*self._mine[-9:], message_id]
        if len(self._seqs) > MAX_NUMBERED:
            _, seq = self._seqs.popitem(last=False)
            self._ids.pop(seq, None)

    def find(self, word: str, *, mine: bool = False) -> str | None:
        """The message id for `12` or `last`; with `mine`, `last` is my newest."""
        if word == "last":
            if mine:
                return self._mine[-1] if self._mine else None
            return self._ids[max(self._ids)] if self._ids else None
        return self._ids.get(whole(word))
