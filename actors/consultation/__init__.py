"""A consultation's call: who is there, and for how long both were. What is booked and cancelled is
not decided here, but by the store (`core/ports/consultations.py`).

May import `core` and `protocol`, never another kind of actor.
"""
