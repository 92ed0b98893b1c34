"""One person's inbox (a dense event sequence) and the making of rooms."""
