"""The model of usual bookings: played traffic, the fit, its gate.

Everything here was played by our own hand: no real fraud was ever seen. See docs/fraud.md.
"""
