"""From a plan to words: templates, the filling of placeholders, and the ladder of rungs.

No fact is ever written by a model: placeholders are, and filled here. Never imports training.
"""
