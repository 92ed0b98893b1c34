"""Fits and judges the head that tells whether a message is glad. Never imported by the server."""
