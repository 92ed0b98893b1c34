"""Every seam of the server as a `typing.Protocol`: what an actor or a gateway may ask of the world.

A port's docstring states atomicity, ordering, idempotency, and what is true when a call is
cancelled halfway. Each port has one contract test, run on every implementation.
"""
