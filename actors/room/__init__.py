"""One chat room: its membership, its log's order, its read pointers, its personas and their answers.

docs/adr/0005-how-a-room-works.md explains the design in one page. Read the files in this order:

- what a room is and decides (pure): `state`, `decisions`, `rules`, `machine`, `membership`, `seating`,
  `memory`;
- from decision to answer: `pipeline`, `gates`, `flow`, `commands`, `rows`;
- reads beside it: `lookups`, `reading`, `pointers`;
- coming in: `verdicts`, `ring`, `catch_up`, `entrance`;
- its personas: `hearing` and `mentions` (what they are told), `open_runs`, `closing` and `speaking`
  (what clients see of their answers);
- staying itself: `loading`, `recovery`, `traces`;
- and what joins them: `messages`, `typing_users`, `ports`, `actor`.

Only `actor` is for others (its `spec`), and `ports` and `traces` for the wiring. Nothing here knows a socket.
"""
