"""Makes the directions of destinations from what the catalogue says of them. Never imported by the server."""
