"""The vocabulary: ids, addresses, frames, codec, limits and close codes, as pure data.

Belongs here: what crosses the wire or passes between actors, one file per subject, and the values
that cross ports. Never belongs here: I/O, clocks, randomness, an effect of any kind.
Everybody may import it; it imports the standard library's pure parts and msgspec alone.
The contract is `docs/protocol-v1.md`; section signs (§) in docstrings point there.
"""
