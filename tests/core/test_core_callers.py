"""Whom what a peer sent counts for, where the peer may be a proxy."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.callers import (
    LOOPBACK,
    UNKNOWN,
    Callers,
    caller_of,
    is_among,
    is_loopback,
    proxies_of,
)

PROXIES = proxies_of("10.0.0.0/8, 2001:db8::/32")
MALFORMED = ("unknown", "", "192.0.2.1:4711", "[2001:db8::1]", "1", "192.0.2.256", "\u0661.1.1.1")


def addresses() -> st.SearchStrategy[str]:
    """Of proxies, of this machine and of others, each as sockets and headers show them."""
    mapped = st.ip_addresses(v=4).map(lambda address: f"::ffff:{address}")
    near = st.integers(0, 9).flatmap(
        lambda n: st.sampled_from(
            [f"10.0.0.{n}", f"::ffff:10.1.0.{n}", f"2001:db8::{n}", f"127.0.0.{n}", "::1"]
        )
    )
    return st.one_of(st.ip_addresses().map(str), mapped, near)


def plain(address: str) -> str:
    """As it is counted: IPv4 is IPv4, however it is written."""
    parsed = ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


@given(addresses(), st.lists(st.text() | addresses()))
def test_a_stranger_is_itself_whatever_it_says(peer: str, forwarded: list[str]) -> None:
    assert caller_of(peer, forwarded, ()) == peer
    if not is_among(peer, PROXIES):
        assert caller_of(peer, forwarded, PROXIES) == peer


@given(
    st.lists(st.text(st.characters(exclude_characters=",")) | addresses()),
    addresses().filter(lambda one: not is_among(one, PROXIES) and not is_loopback(one)),
    st.lists(addresses().filter(lambda one: is_among(one, PROXIES))),
    st.data(),
)
def test_it_is_whom_the_first_proxy_heard_whatever_that_one_said(
    said: list[str], heard: str, on_the_way: list[str], data: st.DataObject
) -> None:
    entries = [*said, heard, *on_the_way]
    cut = data.draw(st.integers(0, len(entries)))
    values = [", ".join(entries[:cut]), " ,\t".join(entries[cut:])]
    forwarded = [value for value in values if value]
    assert caller_of("10.0.0.1", forwarded, PROXIES) == plain(heard)


@given(addresses(), st.lists(st.text() | addresses(), max_size=5))
def test_nobody_becomes_this_machine_or_a_proxy_by_what_is_said(
    peer: str, forwarded: list[str]
) -> None:
    caller = caller_of(peer, forwarded, PROXIES)
    if caller != peer:
        assert is_among(peer, PROXIES)
        assert not is_among(caller, PROXIES)
        assert not is_loopback(caller)
        assert caller == str(ip_address(caller))


@pytest.mark.parametrize("entry", [*MALFORMED, "127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_what_names_nobody_leaves_it_with_the_peer(entry: str) -> None:
    assert caller_of("10.0.0.1", ["198.51.100.1, " + entry], PROXIES) == "10.0.0.1"
    assert caller_of("10.0.0.1", [entry + ",198.51.100.1"], PROXIES) == "198.51.100.1"


def test_a_proxy_that_says_nothing_is_itself() -> None:
    assert caller_of("127.0.0.1", [], LOOPBACK) == "127.0.0.1"
    assert caller_of("127.0.0.1", ["127.0.0.1, ::1"], LOOPBACK) == "127.0.0.1"
    assert caller_of(UNKNOWN, ["198.51.100.1"], LOOPBACK) == UNKNOWN


def test_a_zone_is_no_part_of_an_address() -> None:
    proxies = proxies_of("fe80::/10")
    assert caller_of("fe80::1%eth0", ["2001:db8::1%eth1"], proxies) == "2001:db8::1"


def test_proxies_are_addresses_and_networks() -> None:
    assert proxies_of("127.0.0.0/8,::1") == LOOPBACK
    assert proxies_of("") == proxies_of(" , ") == ()
    [single] = proxies_of(" 192.0.2.7, ")
    assert IPv4Address("192.0.2.7") in single
    assert single.num_addresses == 1


@pytest.mark.parametrize(
    "text",
    [
        "proxy.example",
        "localhost",
        "*",
        "10.0.0.1/8",
        "0.0.0.0/0",
        "::/0",
        "::ffff:10.0.0.1",
        "10.0.0.1 10.0.0.2",
        "10.0.0.1:80",
        "1",
        "127.0.0.1,x",
    ],
)
def test_what_cannot_be_a_proxy_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"no proxy\. Set it like") as caught:
        proxies_of(text)
    assert repr(text.rpartition(",")[2]) in str(caught.value)


def test_a_proxy_has_as_many_connections_as_it_likes() -> None:
    callers = Callers(1, proxies_of("10.0.0.1"))
    assert [callers.enter("10.0.0.1") for _ in range(3)] == [True] * 3
    assert [callers.enter("10.0.0.2") for _ in range(2)] == [True, False]
