"""Recommendations over the HTTP of a running server, from the catalogue that is shipped."""

import pytest
from http_client import Caller, call, newcomer
from server_process import ServerProcess


@pytest.fixture
def somebody(protocol_server: ServerProcess) -> Caller:
    caller = Caller(protocol_server.http)
    made = call(protocol_server.http, "POST", "/api/v1/auth/register", newcomer())
    caller.token = made.json()["accessToken"]
    # A first start fills the catalogue, which is not what is judged here.
    assert caller._call("GET", "places?q=Lisbon", token=caller.token).json()["items"]
    return caller


def test_a_profile_changes_what_is_recommended_and_the_reason_says_so(somebody: Caller) -> None:
    token = somebody.token
    first = somebody._call("GET", "recommendations?month=2&limit=5", token=token).json()
    assert [one["card"]["kind"] for one in first["recommendations"]] == ["place"] * 5
    assert all("coast" in one["card"]["tags"] for one in first["recommendations"])
    likes = {"preferences": {"interests": ["hiking"], "dislikes": ["beach"]}}
    assert somebody._call("PATCH", "users/me", likes, token=token).status_code == 200
    then = somebody._call("GET", "recommendations?month=2&limit=5", token=token).json()
    for one in then["recommendations"]:
        assert {"mountains", "highland"} & set(one["card"]["tags"])
        assert one["because"] in {"tags.mountains", "tags.highland"}


def test_a_place_is_found_by_its_name(somebody: Caller) -> None:
    found = somebody._call("GET", "recommendations?q=Lisbon&limit=1", token=somebody.token)
    assert found.json()["recommendations"][0]["name"] == "Lisbon"
