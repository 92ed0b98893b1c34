"""Who is online in one room, announced at most once a second."""
