"""Whether a message is glad or not, and how content a room is that agreed to be asked that way.

Background work: shed first, never about one person, never stored. Imports no training.
"""
