"""The scenario `chat`: everybody talks in rooms."""

from loadtest.scenario import Scenario


class Chat(Scenario):
    name = "chat"
    summary = "people talk in rooms"
    about = """
User n sits in room n mod ROOMS, so a room has USERS / ROOMS members, and each message that many
recipients, its sender among them.
"""
