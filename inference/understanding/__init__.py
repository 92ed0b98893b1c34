"""What a message says: language, places, dates, money, party by rules; its intent by a small model.

Belongs here: pure functions of text and setting, and models whose weights are numpy arrays. Never: waiting,
databases, training. Its users: inference.reader, and inference.training, which judges it.
"""
