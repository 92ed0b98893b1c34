"""The trip board of a room."""
