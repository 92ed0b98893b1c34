"""One client instance: opening, resuming, refreshing, searching; active only for what must wait."""
