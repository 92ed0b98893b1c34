"""Many idle connections: memory, pauses of garbage collection, and all of them coming back at once.

.venv/bin/python -m benchmarks.connections [--connections N] [--quick] [--json FILE]
"""
