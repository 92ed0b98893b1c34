"""Group bookings: a saga per booking that holds, pays and books for several people, or undoes it all.

`machine` and what it imports are pure; `actor` makes a step durable, performs its calls and feeds the
results back; `performer` turns calls into the ports' words. Nothing leaves the building before its
intent is committed.
"""
