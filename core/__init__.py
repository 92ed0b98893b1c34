"""The actor runtime, identity, and the ports through which everything else is reached.

Belongs here: actor, envelope, mailbox, reference, registry, supervisor, timers, system; principals
and permissions; every seam as a `typing.Protocol` in `core.ports`. Never belongs here: a socket, a
database, a wire format. Imports `protocol` alone.
"""
