"""Makes the sentence encoder's graph out of published weights, and fits the heads on it.

Belongs here: what `make models` runs, and the fits. Never imported by the server.
"""
