"""PostgreSQL as a child of this process: the wheel's binaries under our own supervision.

Two locks beside the cluster. `owner.lock` is held by us: one owner at a time. `running.lock` is
inherited by the watchdog and by every server process: whoever gets it knows that nothing of an
earlier server is alive, however that one died.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
import trio

from storage.postgres.file_lock import lock_file
from storage.postgres.places import RUNNING_LOCK, SOCKET_NAME, EmbeddedError, Places, find_places

WATCHDOG: Final = Path(__file__).with_name("watchdog.sh")
SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "64",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "shared_buffers": "64MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "2GB",
    "max_parallel_workers_per_gather": "0",
    "log_min_error_statement": "panic",  # statements and details carry what people wrote
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
READY_WITHIN: Final = 120.0  # crash recovery reads up to `max_wal_size`
LEFTOVERS_WITHIN: Final = 15.0
STOPPED_WITHIN: Final = 15.0
MAX_LOG_BYTES: Final = 4_000_000
MAX_OUTPUT: Final = 10_000
LOG_CHECKED_EVERY: Final = 60.0
LIVED_WELL_AFTER: Final = 5.0
MAX_RESTART_DELAY: Final = 2.0

_FATAL: Final = re.compile(r"^.*?\b(?:FATAL|PANIC|initdb: error):\s+")

log = structlog.get_logger()


class Embedded:
    """The embedded server of one data directory.

    Owns: the server's processes. `settings` are put over `SETTINGS` (tests turn fsync off).
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self._data_dir = data_dir
        self._settings = {**SETTINGS, **(settings or {})}
        self._places: Places | None = None
        self._starts = 0

    @property
    def places(self) -> Places:
        """Where everything lives; known once `run` has started."""
        if self._places is None:
            raise EmbeddedError("The embedded PostgreSQL was not started.")
        return self._places

    @property
    def dsn(self) -> str:
        """For any process of this user (and root): a socket in a folder that others cannot enter."""
        return f"postgresql://postgres@/postgres?host={self.places.socket_dir}"

    @property
    def postmaster_pid(self) -> int:
        """The server's first process, as it says itself."""
        return int((self.places.cluster / "postmaster.pid").read_text().split("\n", 1)[0])

    def statistics(self) -> dict[str, int | float]:
        """`starts`: one, and one more for every time the server died under us."""
        return {"starts": self._starts}

    async def run(self, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Start, report the DSN, start again whatever dies; when cancelled, stop in order.

        Raises `EmbeddedError` when another process owns the directory or the first start fails. What has
        been there once is tried until it is there again: a full disk keeps it away for hours.
        """
        owner = await self._become_owner()
        try:
            running, crashes = await self._launched(is_first=True), 0
            task_status.started(self.dsn)
            while True:
                ready_at = trio.current_time()
                async with running:
                    status = await running.wait()
                log.warning("postgres.died", status=status)
                crashes = 0 if trio.current_time() > ready_at + LIVED_WELL_AFTER else crashes + 1
                running = await self._launched_again(crashes)
        finally:
            if self.places.socket_dir != self.places.home:
                with suppress(OSError):
                    self.places.socket_dir.rmdir()
            os.close(owner)

    async def _become_owner(self) -> int:
        self._places = await trio.to_thread.run_sync(find_places, self._data_dir)
        owner = await self._lock("owner.lock", LEFTOVERS_WITHIN)
        if owner is None:
            raise EmbeddedError(
                f"Another process runs the database of {self._data_dir}: a server that starts, or another "
                "command. Try again when it is done."
            )
        return owner

    async def _launched(self, *, is_first: bool = False) -> "_Running":
        """A server that accepts connections. A cluster that goes missing later is not made anew: its
        volume may come back."""
        lock = await self._exclude_leftovers()
        try:
            if is_first and not self.places.cluster.exists():
                await self._make_cluster(lock)
            # Our lock says that no server lives: whoever has the pid in these now is a stranger.
            (self.places.cluster / "postmaster.pid").unlink(missing_ok=True)
            (self.places.socket_dir / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
            running = await self._spawn(lock)
        finally:
            os.close(lock)
        await running.wait_ready()
        self._starts += 1
        return running

    async def _launched_again(self, crashes: int) -> "_Running":
        """`crashes`: how often it died lately."""
        while True:
            await trio.sleep(min(0.05 * crashes, MAX_RESTART_DELAY))
            try:
                return await self._launched()
            except (EmbeddedError, OSError) as error:
                log.error("postgres.not_started", why=str(error))
                crashes += 1

    async def _exclude_leftovers(self) -> int:
        """The lock that the server's processes will inherit, once nobody of an earlier one is left."""
        lock = await self._lock(RUNNING_LOCK, LEFTOVERS_WITHIN / 3)
        if lock is None:
            # An orphan: owner and watchdog were killed together. We own the directory, so it is ours.
            with suppress(OSError, ValueError):
                os.kill(self.postmaster_pid, signal.SIGQUIT)
            lock = await self._lock(RUNNING_LOCK, LEFTOVERS_WITHIN)
        if lock is None:
            raise EmbeddedError(f"An earlier database server of {self._data_dir} does not end.")
        return lock

    async def _lock(self, name: str, within: float) -> int | None:
        path = self.places.home / name
        lock = await lock_file(path, within=within)
        if lock is not None:
            self.places.account.own(path)
        return lock

    async def _make_cluster(self, lock: int) -> None:
        """All or nothing: a half cluster never has the final name."""
        cluster = self.places.cluster
        partial = cluster.with_name("data.partial")
        await trio.to_thread.run_sync(lambda: shutil.rmtree(partial, ignore_errors=True))
        command = self._watched("initdb", "-D", str(partial), "-U", "postgres", "--auth=trust")
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = self.places.account.popen_options()
        watched, held = os.pipe()
        try:
            with trio.CancelScope(shield=True):
                done = await trio.run_process(
                    command, stdin=watched, capture_stdout=True, capture_stderr=True, check=False,
                    pass_fds=(lock,), start_new_session=True, **options,
                )  # fmt: skip
        finally:
            os.close(watched)
            os.close(held)
        if done.returncode != 0:
            raise EmbeddedError(f"The database cannot be made: {_reason(done.stderr)}.")
        partial.rename(cluster)

    def _watched(self, program: str, *args: str) -> list[str]:
        """The command line of a program that ends when the other end of its stdin is let go."""
        watchdog = ["/bin/sh", "-c", WATCHDOG.read_text(), "caravan-postgres-watchdog"]
        return [*watchdog, str(self.places.binaries / program), *args]

    async def _spawn(self, lock: int) -> "_Running":
        places = self.places
        command = self._watched("postgres", "-D", str(places.cluster))
        settings = {**self._settings, "unix_socket_directories": str(places.socket_dir)}
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        keep_bounded(places.log_file)
        with places.log_file.open("ab") as output:
            begun_at = output.tell()
            places.account.own(places.log_file)
            process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                start_new_session=True,  # a terminal's Ctrl-C is for us, who stop the server last
                **self.places.account.popen_options(),
            )
        return _Running(process, places, begun_at)


class _Running:
    """One server and its watchdog, alive until the end of the `async with`. `begun_at`: where in the log."""

    def __init__(self, process: trio.Process, places: Places, begun_at: int) -> None:
        self._process, self._places, self._begun_at = process, places, begun_at

    async def __aenter__(self) -> "_Running":
        return self

    async def __aexit__(self, *_: object) -> None:
        with trio.CancelScope(shield=True):
            await self.stop()

    async def wait(self) -> int:
        """Until it dies; meanwhile its log is kept short."""
        while True:
            with trio.move_on_after(LOG_CHECKED_EVERY):
                return await self._process.wait()
            keep_bounded(self._places.log_file)

    async def wait_ready(self) -> None:
        """Until it accepts connections; stopped again when that fails or is cancelled."""
        pid_file = self._places.cluster / "postmaster.pid"
        try:
            with trio.fail_after(READY_WITHIN):
                while not _says_ready(pid_file):
                    if self._process.poll() is not None:
                        raise EmbeddedError(self._last_words())
                    await trio.sleep(0.01)
        except BaseException as error:
            with trio.CancelScope(shield=True):
                await self.stop()
            if isinstance(error, trio.TooSlowError):
                raise EmbeddedError("PostgreSQL takes too long to start.") from error
            raise

    async def stop(self) -> None:
        """Fast shutdown; what does not end in time is killed by the watchdog, or here with it."""
        stdin = self._process.stdin
        if stdin is not None:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await stdin.send_all(b"stop\n")
        with trio.move_on_after(STOPPED_WITHIN):
            await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if stdin is not None:
            await stdin.aclose()

    def _last_words(self) -> str:
        log_file = self._places.log_file
        reason = _reason(log_file.read_bytes()[self._begun_at :])
        return f"PostgreSQL did not start: {reason}. Its log is {log_file}."


def _reason(output: bytes) -> str:
    """The first line of what a program of PostgreSQL's said that ended it, else its last."""
    lines = output[-MAX_OUTPUT:].decode(errors="replace").strip().splitlines() or [
        "it said nothing"
    ]
    fatal = (line for line in lines if _FATAL.search(line))
    return _FATAL.sub("", next(fatal, lines[-1])).strip().rstrip(".")


def _says_ready(pid_file: Path) -> bool:
    """The eighth line of `postmaster.pid` is the server's state (pg_ctl waits for it likewise)."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def keep_bounded(path: Path) -> None:
    """Move a log that grew past `MAX_LOG_BYTES` to `….1` (its writers append, so it may be cut). On a full
    disk it is cut all the same."""
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        with suppress(OSError):
            shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)
