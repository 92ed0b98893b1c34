"""A server and a sandbox that die at named sites and begin again on the same ports and files."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal

import httpx
import trio
from booking_people import Participant
from crash_run import PASSWORD, Impatient
from forked_server import ForkedServer
from server_process import ROOT, lasting_port

from loadtest.accounts import Account, Api

Victim = Literal["server", "sandbox", "child"]
"""`sandbox`: one beside the server, which stays attached to it; `child`: the server's own."""

PORTS: Final = ("control", "amadeus", "duffel", "consolidator", "stripe", "paypal")
DAY_MS: Final = 86_400_000
PEOPLE: Final = ("ada", "bob")
KEY: Final = {"Authorization": "Bearer sk_test_auditor"}


class CrashingServer(ForkedServer):
    """Counts reaches of its site from `go` on (`broken_server.counts_from_go`)."""

    def arm(self, rule: str, **settings: str) -> None:
        """From the next start on."""
        self._rule = rule
        self._settings = {name: value for name, value in settings.items() if value}
        self._go.unlink(missing_ok=True)

    @property
    def _go(self) -> Path:
        return self.data_dir.with_name(self.data_dir.name + ".go")

    def go(self) -> None:
        self._go.touch()

    async def ended(self) -> int:
        """Once it has ended by itself: its exit status."""
        process = self._process
        status: int = await process.wait()
        self._process = None
        await process.stdout.aclose()
        return status


class SandboxProcess:
    """`main.py sandbox serve` on ports that it keeps."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = data.parent.with_name(data.parent.name + ".sandbox.log")
        self._ports = {name: lasting_port() for name in PORTS}
        self._process: trio.Process | None = None

    @property
    def control(self) -> str:
        return f"http://127.0.0.1:{self._ports['control']}"

    async def start(self, crash_at: str = "") -> None:
        inherited = {name: value for name, value in os.environ.items() if "CARAVAN" not in name}
        words = [word for name in PORTS for word in (f"--{name}-port", str(self._ports[name]))]
        with self.log.open("ab") as stderr:
            self._process = await trio.lowlevel.open_process(
                [sys.executable, "main.py", "sandbox", "serve", "--data", str(self.data), *words],
                cwd=ROOT,
                env=inherited | {"CARAVAN_SANDBOX_CRASH_AT": crash_at},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        assert self._process.stdout is not None
        with trio.fail_after(30):
            assert await self._process.stdout.receive_some(), self.log.read_text()

    async def ended(self) -> int:
        """Once it has ended by itself: its exit status."""
        assert self._process is not None
        status = await self._process.wait()
        self._process = None
        return status

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


class Stand:
    """One data directory through all lives of its server and sandbox, and the people with their phones.

    Owns: the processes. `api` and the people's sessions outlive them.
    """

    def __init__(self, data_dir: Path, warm: Path, rule: str = "counts_from_go") -> None:
        self.server = CrashingServer(data_dir, warm)
        data_dir.mkdir(parents=True, exist_ok=True)
        self.sandbox = SandboxProcess(data_dir / "sandbox.db")
        self.people: dict[str, Participant] = {}
        self.api: Api
        self.victim: Victim = "server"
        self.starts = self.kills = 0
        self._rule = rule
        self._is_unarmed = False
        self.outage_ms = 20_000
        """How long nobody is there after a kill, in business time."""
        self._http = httpx.AsyncClient(timeout=10, trust_env=False)

    # Lives.

    async def begin(self, victim: Victim, crash_at: str = "") -> None:
        """End what runs, by kill -9, and start it so that `crash_at` is where it will end. A server that will not
        end goes on beside another sandbox."""
        goes_on = victim == "sandbox" and self.victim != "child" and self._is_unarmed
        if not goes_on:
            with suppress(ProcessLookupError):
                await self.server.kill()
        if victim in ("sandbox", "child") or self.victim == "child":
            await self.sandbox.kill()
        self.sandbox.data.with_suffix(".died").unlink(missing_ok=True)
        if victim != "child" and self.sandbox._process is None:
            await self.sandbox.start(crash_at if victim == "sandbox" else "")
        self.victim = victim
        if not goes_on:
            await self._start_server(crash_at)

    async def again(self, crash_at: str = "") -> None:
        """After the victim has ended, and some minutes. `crash_at`: where a server is to end once there is
        a `go`."""
        self.kills += 1
        if self.victim == "sandbox":
            await self.sandbox.start()
        await self.advance(self.outage_ms)
        if self.victim == "server":
            await self._start_server(crash_at)

    async def _start_server(self, crash_at: str) -> None:
        is_child = self.victim == "child"
        self._is_unarmed = self.victim == "sandbox" or not crash_at
        self.server.arm(
            self._rule,
            CARAVAN_SANDBOX_URL="" if is_child else self.sandbox.control,
            CARAVAN_CRASH_AT=crash_at if self.victim == "server" else "",
            CARAVAN_SANDBOX_CRASH_AT=crash_at if is_child else "",
        )
        await self.server.start()
        self.starts += 1

    async def ended(self) -> int:
        """Once the victim has ended. A child's end shows in what it leaves."""
        if self.victim == "server":
            return await self.server.ended()
        if self.victim == "sandbox":
            return await self.sandbox.ended()
        died = trio.Path(self.sandbox.data.with_suffix(".died"))
        while not await died.exists():
            await trio.sleep(0.05)
        return -signal.SIGKILL

    # The sandbox's side.

    @property
    def _note(self) -> dict[str, str]:
        said: dict[str, str] = json.loads(self.sandbox.data.with_suffix(".json").read_text())
        return said

    async def steer(
        self, method: str, path: str, body: object = None, port: str = "control"
    ) -> Any:
        """Ask the sandbox, however long it is not there."""
        while True:
            with suppress(httpx.TransportError, OSError, ValueError, KeyError):
                url = self._note[port] + path
                answer = await self._http.request(method, url, json=body, headers=KEY)
                assert answer.is_success, answer.text
                return answer.json()
            await trio.sleep(0.1)

    async def advance(self, milliseconds: int) -> None:
        await self.steer("POST", "/_sandbox/clock", {"advanceMs": milliseconds})

    async def agree(self, order: str) -> None:
        """Who is to pay agrees at PayPal's page, however often its answer is lost."""
        while True:
            with suppress(httpx.TransportError, OSError, ValueError, KeyError):
                url = f"{self._note['control']}/_sandbox/paypal/orders/{order}/approve"
                answer = await self._http.post(url)
                assert answer.status_code in (200, 404, 422), answer.text
                return
            await trio.sleep(0.1)

    async def effects_of(self, booking_id: str) -> list[dict[str, Any]]:
        """What moved this booking's money at both providers: `provider`, `share`, `payment`, and what the
        sandbox's journals say."""
        found: list[dict[str, Any]] = []
        for provider in ("stripe", "paypal"):
            for one in await self.effects_at(provider):
                share = _share_of(provider, one, booking_id)
                if share is not None:
                    payment = one.get("order") or one.get("payment_intent", "")
                    found.append({**one, "provider": provider, "share": share, "payment": payment})
        return found

    async def effects_at(self, supplier: str) -> list[dict[str, Any]]:
        """All that the sandbox's journal has of that provider's or supplier's."""
        found: list[dict[str, Any]] = []
        page = {"data": [{}]}
        while page["data"]:
            after = found[-1]["seq"] if found else 0
            page = await self.steer("GET", f"/_sandbox/{supplier}/effects?after={after}")
            found += page["data"]
        return found

    async def payments_of(self, booking_id: str) -> list[dict[str, Any]]:
        """As Stripe's list has them."""
        found: list[dict[str, Any]] = []
        path = "/v1/payment_intents?limit=100"
        while True:
            page = await self.steer("GET", path, port="stripe")
            found += page["data"]
            if not page["has_more"] or len(found) > 400:
                return [one for one in found if one["metadata"].get("saga_id") == booking_id]
            path = f"/v1/payment_intents?limit=100&starting_after={found[-1]['id']}"

    # People.

    async def enter(self, nursery: trio.Nursery) -> None:
        """Register them, and leave their sessions running in `nursery`."""
        for name in PEOPLE:
            account = Account(self.api, f"{name}_{secrets.token_hex(5)}")
            email = f"{account.handle}@caravan.test"
            await account.register(email=email, name=name, password=PASSWORD)
            one = Participant(name, account, self.server.ws, Impatient(len(self.people)))
            self.people[name] = one
            nursery.start_soon(one.session.run)
            await one.session.wait_connected()

    async def leave(self) -> None:
        with trio.CancelScope(shield=True):
            with suppress(ProcessLookupError):
                await self.server.stop()
            await self.sandbox.kill()
            await self._http.aclose()


@asynccontextmanager
async def standing(
    data_dir: Path, warm: Path, victim: Victim, crash_at: str = "", *, rule: str = "counts_from_go"
) -> AsyncIterator[Stand]:
    """A stand whose victim is armed, and two people at it."""
    stand = Stand(data_dir, warm, rule)
    try:
        await stand.begin(victim, crash_at)
        async with Api(stand.server.http) as stand.api, trio.open_nursery() as nursery:
            await stand.enter(nursery)
            yield stand
            nursery.cancel_scope.cancel()
    finally:
        await stand.leave()


def _share_of(provider: str, effect: dict[str, Any], booking_id: str) -> str | None:
    """None: it is another booking's."""
    if provider == "stripe":
        mine = effect["metadata"].get("saga_id") == booking_id
        return str(effect["metadata"]["share_id"]) if mine else None
    parts = str(effect["reference"]).split("|")
    return parts[1] if parts[0] == booking_id else None
