"""The scenario `bigroom`: one room with many members, few of whom speak."""

import argparse

from loadtest.scenario import Load, Scenario
from protocol.limits import MAX_MEMBERS


class BigRoom(Scenario):
    name = "bigroom"
    summary = "one room of up to 5,000 members, few of whom speak"
    about = """
Every message goes to all users: RATE x USERS deliveries per second. Without --accounts the users are
sessions of at most 20 members; with --accounts as many members as users.
"""
    load = Load(users=1_000, rooms=1, rate=5.0, speakers=10)

    def load_of(self, args: argparse.Namespace) -> Load:
        if args.rooms != 1:
            raise ValueError("--rooms: this scenario has one room; `chat` has many")
        if args.users > MAX_MEMBERS:
            raise ValueError(f"--users: a room has at most {MAX_MEMBERS} members")
        return super().load_of(args)
