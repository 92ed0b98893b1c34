"""What the personas of one room have in mind: their dialogues, what they showed, and what was thought of
it here."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from actors.persona.dialogue import Dialogue, Item, Said, likeness_of
from actors.persona.lying import Lying
from core.ports.personas import Feedback

MOST_DIALOGUES: Final = 500
MOST_ITEMS: Final = 500
MOST_FEEDBACKS: Final = 200
_Key = tuple[str, str]


class Minds:
    """Owns: dialogues by persona and asker, the one spoken of longest ago makes way, and what one begins with; items that were
    shown lately, by id; what lies there for all, by persona; feedback given in this room since it woke, by person.

    All of it may be lost: the next activation has what `Memories` has.
    """

    def __init__(self) -> None:
        self._dialogues: OrderedDict[_Key, Dialogue] = OrderedDict()
        self._new: dict[str, Dialogue] = {}
        self._remembered: set[_Key] = set()
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._lying: OrderedDict[str, Lying] = OrderedDict()
        self._feedbacks: OrderedDict[tuple[str, str, str, str], Feedback] = OrderedDict()

    def __len__(self) -> int:
        return len(self._dialogues)

    def get(self, persona_id: str, asker_id: str) -> Dialogue:
        new = self._new.get(persona_id, Dialogue())
        return self._dialogues.get((persona_id, asker_id), new)

    def remembers(self, persona_id: str, asker_id: str) -> bool:
        """Whether it was told what was said before this room woke."""
        return (persona_id, asker_id) in self._remembered

    def remember(self, persona_id: str, asker_id: str, said: Sequence[Said]) -> None:
        """What was said before this room woke; once, before what was said since."""
        key = persona_id, asker_id
        if key in self._remembered:
            return
        self._remembered.add(key)
        dialogue = self.get(persona_id, asker_id)
        since = {one.message_id for one in dialogue.said}
        before = tuple(one for one in said if one.message_id not in since)
        self.put(persona_id, asker_id, replace(dialogue, said=before + dialogue.said))

    def put(self, persona_id: str, asker_id: str, dialogue: Dialogue) -> None:
        key = persona_id, asker_id
        self._dialogues[key] = dialogue
        self._dialogues.move_to_end(key)
        while len(self._dialogues) > MOST_DIALOGUES:
            oldest, _ = self._dialogues.popitem(last=False)
            self._remembered.discard(oldest)

    def change(
        self, is_meant: Callable[[str, str], bool], change: Callable[[Dialogue], Dialogue]
    ) -> None:
        """Every dialogue of (persona, asker) that is meant."""
        for (persona_id, asker_id), dialogue in list(self._dialogues.items()):
            if is_meant(persona_id, asker_id):
                self._dialogues[persona_id, asker_id] = change(dialogue)

    def of_asker(self, asker_id: str) -> list[tuple[str, Dialogue]]:
        """(persona, dialogue) pairs."""
        return [
            (persona, dialogue)
            for (persona, asker), dialogue in self._dialogues.items()
            if asker == asker_id
        ]

    def keep_only(self, persona_ids: Iterable[str], people: Iterable[str]) -> None:
        """Who left takes what was said along, and so does a persona."""
        personas, askers = set(persona_ids), set(people)
        for persona, asker in list(self._dialogues):
            if persona not in personas or asker not in askers:
                del self._dialogues[persona, asker]
                self._remembered.discard((persona, asker))
        self._new = {one: new for one, new in self._new.items() if one in personas}
        for lying in list(self._lying.values()):
            if lying.persona_id not in personas or lying.asker_id not in askers:
                del self._lying[lying.persona_id]
        for persona, user, *rest in list(self._feedbacks):
            if persona not in personas or user not in askers:
                del self._feedbacks[persona, user, rest[0], rest[1]]

    def rest_on(self, message_id: str) -> bool:
        """Whether any trip does."""
        return any(
            said.message_id == message_id
            for dialogue in self._dialogues.values()
            for said in dialogue.said
        )

    def forget_message(self, message_id: str) -> None:
        """As if it had never been written."""
        self.change(lambda *_: True, lambda dialogue: dialogue.without(message_id))
        for lying in list(self._lying.values()):
            if lying.rests_on(message_id):
                del self._lying[lying.persona_id]

    # What was shown, and what was thought of it.

    def show(self, items: Sequence[Item]) -> None:
        for item in items:
            self._items[item.id] = item
            self._items.move_to_end(item.id)
        while len(self._items) > MOST_ITEMS:
            self._items.popitem(last=False)

    def shown(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def lay(self, lying: Lying) -> None:
        """From now on whoever reads the room may speak of it."""
        self._lying[lying.persona_id] = lying
        self._lying.move_to_end(lying.persona_id)

    def lying(self, persona_id: str | None = None) -> Lying | None:
        """What this persona showed last; None: whichever did."""
        if persona_id is None:
            return next(reversed(self._lying.values()), None)
        return self._lying.get(persona_id)

    def clear(self) -> None:
        """Nothing lies there any more: somebody reads from here on who did not see it."""
        self._lying.clear()

    def turn_down(self, persona_id: str, item: Item) -> None:
        """Out of all talk with this persona, also of those who begin one."""
        self.change(lambda persona, _: persona == persona_id, lambda now: now.disliking(item))
        self._new[persona_id] = self._new.get(persona_id, Dialogue()).disliking(item)

    def take_back(self, persona_id: str, item: Item) -> None:
        """Back in it, unless somebody else has turned it down."""
        likeness = likeness_of(item)
        for feedback in self._feedbacks.values():
            is_against = feedback.persona_id == persona_id and feedback.value < 0
            of = self.shown(feedback.item_id or "") if is_against else None
            if of is not None and likeness_of(of) == likeness:
                return
        self.change(lambda persona, _: persona == persona_id, lambda now: now.liking(item))
        self._new[persona_id] = self._new.get(persona_id, Dialogue()).liking(item)

    def note(self, feedback: Feedback) -> None:
        """Given in this room; 0 takes it back."""
        key = feedback.persona_id, feedback.user_id, feedback.item_id or "", feedback.kind
        self._feedbacks.pop(key, None)
        if feedback.value:
            self._feedbacks[key] = feedback
        while len(self._feedbacks) > MOST_FEEDBACKS:
            self._feedbacks.popitem(last=False)

    def feedbacks(self, persona_id: str) -> dict[str, list[Feedback]]:
        """By person, oldest first."""
        found: dict[str, list[Feedback]] = {}
        for (persona, user, *_), feedback in self._feedbacks.items():
            if persona == persona_id:
                found.setdefault(user, []).append(feedback)
        return found
