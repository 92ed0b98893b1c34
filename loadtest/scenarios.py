"""Every scenario by name. A new one is a new file and a line here."""

from collections.abc import Mapping
from typing import Final

from loadtest.bigroom import BigRoom
from loadtest.chat import Chat
from loadtest.persona import Persona
from loadtest.resume import Resume
from loadtest.scenario import Scenario
from loadtest.slow import Slow
from loadtest.storm import Storm

SCENARIOS: Final[Mapping[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (Chat(), BigRoom(), Storm(), Slow(), Resume(), Persona())
}
