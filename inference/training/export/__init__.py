"""Model folders as the engine loads them: graphs from weights, tiny ones for tests, and those of the real builder.

What runs the result is `inference/engine`; nothing of this is there when it runs.
"""
