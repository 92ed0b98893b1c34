"""Destinations by what they mean to the sentence encoder. Imports no training."""
