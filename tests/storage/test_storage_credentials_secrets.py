"""Passwords in threads, and the master key in its file."""

import base64
import errno
import os
import threading

import argon2
import pytest
import trio
import trio.testing

from core.errors import Overloaded
from storage.credentials.master_key import MasterKeyError, master_key
from storage.credentials.passwords import Passwords


def cheap(**parameters):
    return Passwords(**{"memory_kib": 8, "rounds": 1} | parameters)


async def test_a_password_matches_its_hash_alone():
    passwords = cheap()
    stored = await passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert (await passwords.check("correct horse", stored)).is_right
    assert not (await passwords.check("Correct horse", stored)).is_right


async def test_nobodys_hash_is_really_computed_and_never_matches(monkeypatch):
    seen, verify = [], argon2.PasswordHasher.verify

    def spied(hasher, stored, password):
        seen.append(stored)
        return verify(hasher, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spied)
    assert not (await cheap().check("correct horse", None)).is_right
    [nobodys] = seen
    assert nobodys.startswith("$argon2id$v=19$m=8,t=1,p=1$")


async def test_the_defaults_are_above_the_recommended_minimum():
    stored = await Passwords().hash("correct horse")
    memory, rounds, lanes = (int(part[2:]) for part in stored.split("$")[3].split(","))
    assert memory >= 19_456
    assert rounds >= 2
    assert lanes == 1


async def test_only_two_hash_at_once_and_past_the_queue_one_is_refused(monkeypatch):
    passwords = cheap(threads=2, max_waiting=3)
    gate, running = threading.Event(), []

    def wait(*_):
        running.append(1)
        gate.wait()
        return "hash"

    monkeypatch.setattr(argon2.PasswordHasher, "hash", wait)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(passwords.hash, "correct horse")
        await trio.testing.wait_all_tasks_blocked()
        assert passwords.statistics()["waiting"] == 3
        with pytest.raises(Overloaded):
            await passwords.hash("one too many")
        assert len(running) <= 2
        gate.set()
    assert len(running) == 5
    assert passwords.statistics()["refused"] == 1


def test_the_master_key_is_made_once_and_private(tmp_path):
    first = master_key(tmp_path, None)
    assert len(first) == 32
    assert master_key(tmp_path, None) == first
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600


def test_a_given_master_key_wins_and_makes_no_file(tmp_path):
    key = bytes(range(32))
    assert master_key(tmp_path, base64.b64encode(key).decode()) == key
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["short", base64.b64encode(bytes(31)).decode(), "%" * 44])
def test_a_wrong_master_key_is_refused_with_a_sentence(tmp_path, given):
    with pytest.raises(MasterKeyError, match="CARAVAN_MASTER_KEY does not hold 32 bytes"):
        master_key(tmp_path, given)
    (tmp_path / "master.key").write_text(given)
    (tmp_path / "master.key").chmod(0o600)
    with pytest.raises(MasterKeyError, match=r"master\.key does not hold 32 bytes"):
        master_key(tmp_path, None)


def test_a_master_key_that_others_can_read_is_refused(tmp_path):
    master_key(tmp_path, None)
    (tmp_path / "master.key").chmod(0o644)
    with pytest.raises(MasterKeyError, match="chmod 600"):
        master_key(tmp_path, None)


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    """A full disk, and a server that is started again and again."""

    def fsync(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        master_key(tmp_path, None)
    assert list(tmp_path.iterdir()) == []
