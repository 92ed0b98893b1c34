"""Whether what personas say is true: replies by the engine's own path, for plans of generated records, and a
checker that knows the records and the text, and nothing of placeholders or plans.

Here and not in `inference/training`, which may not know how actors make plans.
"""
