"""Phrasings to train understanding on, the n-gram model's training, and the gate that judges readers.

The phrasings were written without a look at data/messages, and none of it may come in here: the overlap
check says so.
"""
