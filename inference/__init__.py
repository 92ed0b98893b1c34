"""Models served in this process: what was meant, what is said, what is liked, what looks like fraud.

Plugs behind `core.ports.inference`, `core.ports.fraud` and `core.ports.models`; `training` makes what they load and is
never imported by the server. Imports `core` and `protocol`.
"""
