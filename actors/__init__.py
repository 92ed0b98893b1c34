"""Everything that lives: one folder per kind, `machine.py` (pure decisions) and `actor.py` (effects).

Kinds never import each other; they talk by message. Imports `core` and `protocol`.
"""
