"""Implementations of the storage ports: PostgreSQL, and `memory` for tests and simulation.

`asyncio_bridge` is the only module of the project that says `asyncio`. Storage never calls up.
"""
