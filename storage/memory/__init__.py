"""The storage ports over plain dictionaries: for tests and the simulation, never for a server.

Each obeys the same contract tests as its PostgreSQL twin. What is "in the database" (and survives a
node's death) lives in objects that several nodes may share; faults are planned by whoever tests.
"""
