"""A room's personas: who of them answers a prompt, what is said and shown, and what is learned.

Belongs here: the policy (`machine.py`, `arbiter.py`: pure), what stands in for placeholders
(`facts.py`, `phrases*.py`: pure), the sentences that people wrote for what no model should answer, and
the shell that reads, looks things up and streams (`actor.py`). Does not belong here: models (they are
behind `core/ports/inference.py`), what clients see of a run (the room's), HTTP. A model words an act;
it never chooses one, nor a tool.

Invariants: at most one answer to a prompt; no delta after a cancel was answered; a persona says in a
room with others only what was said there, what suppliers and the catalogue say, and what somebody
allowed it to say. One file, one idea:

    machine.py    (state, understanding, results) → act, tools, cards; dialogue.py, meant.py, picking.py,
                  search.py, when.py and conclusions.py are its parts, hints.py is what a message adds
    arbiter.py    who speaks
    actor.py      the shell; waiting.py the queues, run.py one run, tools.py what it looks up
    memory.py     what is learned of whom, and what may be used where
"""
