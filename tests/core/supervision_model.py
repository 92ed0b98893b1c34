"""What OTP does, as few lines as it takes: written from erlang.org, "Supervisor Behaviour", and
`supervisor.erl`, not from our supervisor. Everything happens at once; there is no waiting."""

from dataclasses import dataclass, field


@dataclass(eq=False)
class Node:
    """A worker, or (with `children`) a supervisor. `bad_starts`: how many next starts will fail."""

    name: str
    restart: str
    children: list["Node"] = field(default_factory=list)
    strategy: str = ""
    intensity: int = 0
    period: float = 0
    parent: "Node | None" = None
    bad_starts: int = 0
    is_alive: bool = False
    specs: list["Node"] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)


class Model:
    """A tree's trace: "+w" a worker starts, "!w" fails to, "-w" ends; how the root ends."""

    def __init__(self, root: Node) -> None:
        self.root, self.trace, self.now = root, list[str](), 0.0

    def start(self, node: Node) -> bool:
        if not node.children:
            is_good = node.bad_starts == 0
            node.bad_starts -= not is_good
            self.trace.append(f"{'+' if is_good else '!'}{node.name}")
            node.is_alive = is_good
            return is_good
        # A supervisor's new life knows nothing of the last one.
        node.specs, node.restarts, node.is_alive = list(node.children), [], True
        if all(self.start(child) for child in node.specs):
            return True
        self.stop(node)
        return False

    def stop(self, node: Node) -> None:
        if node.is_alive and not node.children:
            self.trace.append(f"-{node.name}")
        node.is_alive = False
        for child in reversed(node.specs):
            self.stop(child)

    def ends(self, node: Node, *, crashed: bool) -> None:
        """By itself, that is."""
        self.stop(node)
        boss = node.parent
        if boss is None:
            self.trace.append("escalated")
        elif node.restart == "temporary":
            boss.specs.remove(node)
        elif node.restart == "permanent" or crashed:
            self._restart(boss, node)

    def _restart(self, boss: Node, culprit: Node) -> None:
        boss.restarts.append(self.now)
        if sum(at >= self.now - boss.period for at in boss.restarts) > boss.intensity:
            return self.ends(boss, crashed=True)
        at, everyone = boss.specs.index(culprit), list(boss.specs)
        first, last = {
            "one_for_one": (at, at + 1),
            "one_for_all": (0, len(everyone)),
            "rest_for_one": (at, len(everyone)),
        }[boss.strategy]
        for child in reversed(everyone[first:last]):
            self.stop(child)
            if child.restart == "temporary":
                boss.specs.remove(child)
        for child in everyone[first:last]:
            if child in boss.specs and not self.start(child):
                return self._restart(boss, child)
        return None
