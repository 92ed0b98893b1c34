"""Whether a booking looks like fraud: its features, rules about them, and a model of what is usual.

Commands and `inference.upkeep` may import it. It reads no store and trains nothing: it is given facts and
histories, and the model that is in use.
"""
