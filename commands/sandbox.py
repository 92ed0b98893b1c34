"""`main.py sandbox`: the suppliers that the server books with, played on this machine; and steering them."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import trio

from commands.crash_sites import sandbox_sites
from commands.sandbox_cities import sold_cities
from commands.sandbox_words import EXAMPLES, milliseconds
from commands.troubles import sentence_of
from core.clock import SystemClock
from core.config import Config, ConfigError
from core.telemetry import configure_logging
from gateways.sandbox.amadeus import AmadeusMachine
from gateways.sandbox.consolidator import ConsolidatorMachine
from gateways.sandbox.duffel import DuffelMachine
from gateways.sandbox.exchange import Machine
from gateways.sandbox.paypal import PayPalMachine
from gateways.sandbox.performing import Sandbox
from gateways.sandbox.shell import serve_sandbox
from gateways.sandbox.store import Store, StoreError
from gateways.sandbox.stripe import StripeMachine
from gateways.sandbox.world import World
from loadtest.causes import first_cause

MISUSE: Final = 2
FAILED: Final = 1
LOOPBACK: Final = "127.0.0.1"
ANSWER_WITHIN: Final = 10.0
DEFAULT_SEED: Final = "caravan"
MAX_PORT: Final = 65_535
LOW_PRIORITY: Final = 10
MACHINES: Final[tuple[Machine, ...]] = (
    AmadeusMachine(),
    DuffelMachine(),
    ConsolidatorMachine(),
    StripeMachine(),
    PayPalMachine(),
)
PORTS: Final = ("control", *(each.name for each in MACHINES))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's actions and options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    serve = actions.add_parser("serve", help="run it until it is told to stop (the default)")
    _configure_serve(parser)
    _configure_serve(serve, inner=True)
    advance = actions.add_parser("advance", help="move business time forward")
    advance.add_argument("by", metavar="TIME", help="as 7d, 36h, 90m, 30s or 1d12h")
    for name, help_ in (
        ("rule", "let requests go wrong: add a rule, or list them"),
        ("fault", "the same as rule"),
    ):
        rule = actions.add_parser(name, help=help_)
        rule.add_argument("json", nargs="?", metavar="JSON", help="the rule; absent: list all")
    actions.add_parser("calm", help="delete all rules")
    actions.add_parser("journal", help="what the rules did, one line of JSON each")
    _configure_orders(actions)
    effects = actions.add_parser("effects", help="what moved money, one line each")
    effects.add_argument("--of", choices=("stripe", "paypal", "duffel"), default="stripe")
    effects.add_argument("--after", type=int, default=0, metavar="SEQ", help="only later ones")
    actions.add_parser("info", help="where the suppliers are")
    for name, action in actions.choices.items():
        if name != "serve":
            action.add_argument(
                "--url",
                help="the control port (CARAVAN_SANDBOX_URL, else the one that runs from --data)",
            )
            action.add_argument("--data", type=Path, default=argparse.SUPPRESS, help="(as above)")


def _configure_orders(actions: Any) -> None:
    """What others do to orders and payments: whoever issues, airlines, payers."""
    issue = actions.add_parser("issue", help="issue an order's tickets, as the consolidator would")
    issue.add_argument("order", help="its id as Amadeus gave it, or its six-letter locator")
    change = actions.add_parser("change", help="the airline moves an order's flights")
    change.add_argument("order", metavar="LOCATOR", help="six letters, or its id at the supplier")
    change.add_argument("--minutes", type=int, default=45, help="so much later (45)")
    gone = actions.add_parser("airline-cancel", help="the airline cancels an order")
    gone.add_argument("order", metavar="LOCATOR", help="six letters, or its id at the supplier")
    pnrs = actions.add_parser("pnrs", help="find Amadeus orders by a remark's text")
    pnrs.add_argument("remark", nargs="?", default="")
    asked = actions.add_parser("3ds", help="answer for a card's owner whom the bank asks")
    asked.add_argument("intent", metavar="PI", help="the payment's id at Stripe")
    asked.add_argument("result", choices=("ok", "fail"))
    payer = actions.add_parser("payer", help="answer for who is to pay at PayPal")
    payer.add_argument("order", metavar="ID", help="the order's id at PayPal")
    payer.add_argument(
        "result", choices=("agree", "back", "broke"), help="broke: it is refused later"
    )


def _configure_serve(parser: argparse.ArgumentParser, *, inner: bool = False) -> None:
    """`inner`: of an action, which leaves alone what stood before it."""

    def default(value: object) -> Any:
        return argparse.SUPPRESS if inner else value

    parser.add_argument(
        "--data",
        type=Path,
        default=default(None),
        metavar="FILE",
        help="the one file that it keeps everything in (.caravan/sandbox.db)",
    )
    parser.add_argument(
        "--seed",
        default=default(None),
        metavar="TEXT",
        help=f"another seed is another world ({DEFAULT_SEED}); a file keeps the seed it began with",
    )
    for name in PORTS:
        parser.add_argument(
            f"--{name}-port", type=_port, default=default(0), metavar="PORT", help="(a free one)"
        )
    parser.add_argument(
        "--with-parent",
        action="store_true",
        default=default(False),
        help="stop when standard input ends",
    )


def run(args: argparse.Namespace) -> int:
    """0: done or stopped; 1: the sandbox refused; 2: it could not start, or was not found."""
    try:
        args.data = args.data or _default_data()
        return _serve(args) if args.action in (None, "serve") else _steer(args, os.environ)
    except UnicodeEncodeError:
        raise  # a word of the command line that is no UTF-8, which has a sentence there
    except (OSError, StoreError, ConfigError, ValueError) as error:
        return _refuse(sentence_of(error))
    except BaseExceptionGroup as group:
        if isinstance(first_cause(group), OSError):
            return _refuse(sentence_of(group))
        raise


def _serve(args: argparse.Namespace) -> int:
    configure_logging()
    args.data.parent.mkdir(parents=True, exist_ok=True)
    store = Store(args.data)
    try:
        world = World(store.seed(args.seed, otherwise=DEFAULT_SEED), sold_cities())
        sandbox = Sandbox(
            world=world,
            store=store,
            machines=MACHINES,
            wall=SystemClock().now_ms,
            sites=sandbox_sites(os.environ, args.data),
        )
        ports = {name: getattr(args, f"{name}_port") for name in PORTS}
        trio.run(_served, sandbox, ports, _note_of(args.data), args.with_parent)
        _note_of(args.data).unlink(missing_ok=True)
    finally:
        store.close()
    return 0


async def _served(
    sandbox: Sandbox, ports: Mapping[str, int], note: Path, with_parent: bool
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def serve(*, task_status: trio.TaskStatus[dict[str, Any]]) -> None:
                await serve_sandbox(sandbox, host=LOOPBACK, ports=ports, task_status=task_status)

            info = await nursery.start(serve)
            if with_parent:
                _give_way()
            ready = json.dumps({**info, "pid": os.getpid()}, separators=(",", ":"))
            _announce(note, ready)
            if with_parent:
                nursery.start_soon(_until_input_ends, nursery.cancel_scope)
            async for _ in signals:
                break
            nursery.cancel_scope.cancel()


def _give_way() -> None:
    """Let the server beside us have the processors first: suppliers have machines of their own. Linux
    shares them between sessions ("autogroups") before it looks at `nice`, and we are a session."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, LOW_PRIORITY)
        if os.getsid(0) == os.getpid():
            Path("/proc/self/autogroup").write_text(str(LOW_PRIORITY))


def _announce(note: Path, ready: str) -> None:
    note.write_text(ready)
    print(ready, flush=True)


async def _until_input_ends(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
        while await stream.receive_some(4_096):
            pass
    scope.cancel()


def _steer(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    url = args.url or environ.get("CARAVAN_SANDBOX_URL") or _noted(_note_of(args.data))
    if url is None:
        return _refuse("No sandbox runs here: start `main.py sandbox`, or give its --url.")
    try:
        with httpx.Client(
            base_url=url.rstrip("/") + "/_sandbox/", timeout=ANSWER_WITHIN, trust_env=False
        ) as client:
            response = _ACTIONS[args.action](client, args)
        answer = msgspec.json.decode(response.content, type=dict[str, Any])
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError):
        return _refuse(f"No sandbox answers at {url}: start `main.py sandbox`, or give its --url.")
    if response.is_error:
        print(answer.get("detail", response.text), file=sys.stderr)
        return FAILED
    lines = answer["data"] if isinstance(answer.get("data"), list) else [answer]
    for line in lines:
        print(json.dumps(line, ensure_ascii=False))
    return 0


_Action = Callable[[httpx.Client, argparse.Namespace], httpx.Response]


def _rules(client: httpx.Client, args: argparse.Namespace) -> httpx.Response:
    return client.get("rules") if args.json is None else client.post("rules", content=args.json)


_ANSWERS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "agree": ("approve", {}),
    "back": ("decline", {}),
    "broke": ("approve", {"funding": "declined"}),
}
_ACTIONS: Final[dict[str, _Action]] = {
    "advance": lambda client, args: client.post("clock", json={"advanceMs": milliseconds(args.by)}),
    "rule": _rules,
    "fault": _rules,
    "3ds": lambda client, args: client.post(f"3ds/{args.intent}", params={"result": args.result}),
    "payer": lambda client, args: client.post(
        f"paypal/orders/{args.order}/{_ANSWERS[args.result][0]}", params=_ANSWERS[args.result][1]
    ),
    "effects": lambda client, args: client.get(f"{args.of}/effects", params={"after": args.after}),
    "calm": lambda client, _: client.delete("rules"),
    "journal": lambda client, _: client.get("journal"),
    "issue": lambda client, args: client.post(f"orders/{args.order}/issue"),
    "change": lambda client, args: client.post(
        f"orders/{args.order}/change", params={"minutes": args.minutes}
    ),
    "airline-cancel": lambda client, args: client.post(f"orders/{args.order}/airline-cancel"),
    "pnrs": lambda client, args: client.get("pnrs", params={"remark": args.remark}),
    "info": lambda client, _: client.get("info"),
}


def _default_data() -> Path:
    """In the server's data directory. Raises `ConfigError`."""
    said = os.environ.get("CARAVAN_DATA_DIR", "")
    return Config.from_environment({"CARAVAN_DATA_DIR": said}).data_dir / "sandbox.db"


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 (a free one) to {MAX_PORT}")
    return int(text)


def _note_of(data: Path) -> Path:
    """Where the ready line lies while it runs."""
    return data.with_suffix(".json")


def _noted(note: Path) -> str | None:
    try:
        return str(json.loads(note.read_text())["control"])
    except (OSError, ValueError, KeyError):
        return None


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return MISUSE
