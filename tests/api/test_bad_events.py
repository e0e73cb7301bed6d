"""Whatever stands in one event spoils at most that event: never its neighbours, and never the broker."""

import itertools
import json
import random
from typing import Any

import pytest

from tests.api.client import CLUSTER, Caller, bind, unbind

_NEIGHBOURS = itertools.count(8001)

FREE_TEXT = (
    "event_id",
    "pod.namespace",
    "pod.name",
    "pod.uid",
    "pod.node",
    "workload.kind",
    "workload.name",
    "service.namespace",
    "service.name",
    "target.domain",
    "target.url",
)
WORDS = (
    "type",
    "observed_at",
    "pod.ip",
    "network_mode",
    "target.load_balancer_id",
    "target.listener_id",
    "target.location_id",
    "target.protocol",
)
NUMBERS = ("revision", "target.port", "target.listener_port", "target.weight", "target.drain_seconds")
OPTIONAL = {
    "observed_at",
    "pod.node",
    "target.location_id",
    "target.domain",
    "target.url",
    "target.listener_port",
    "target.protocol",
    "target.weight",
    "target.drain_seconds",
}

NO_TEXT = [
    "",
    "a\x00b",
    "\x00",
    "a\nb",
    "a\r\nb",
    "a\tb",
    "\x7f",
    "\x1b[31m",
    "\u0085",
    "a\u2028b",
    "a\u2029b",
    "x" * 254,
]
HARMLESS = [
    "'; DROP TABLE bindings; --",
    '"',
    "\\",
    "\\u0000",
    "%s%n",
    "{0}",
    "\u4f60\u597d",
    "\u200b",
    "<script>",
    "|",
    "*",
]
NO_STRING: list[Any] = [True, 0, 1.5, 10**30, [], {}, [[]], {"a": "b"}, ["a"]]
NO_NUMBER: list[Any] = [True, False, 1.0, 1e308, "1", "", [], {}, 10**30, -(10**30), 2**64]


def _with(path: str, value: object, uid: str = "u1") -> dict[str, Any]:
    """A bind with ``value`` in one field; a rule's name goes where rules are."""
    event = bind(uid, pod={"name": "spoilt"})
    if path in {"target.domain", "target.url"}:
        event["target"]["listener_id"] = "lbl-web"
    outer, _, inner = path.partition(".")
    if inner:
        event[outer][inner] = value
    else:
        event[outer] = value
    return event


def _without(path: str) -> dict[str, Any]:
    event = _with(path, None)
    outer, _, inner = path.partition(".")
    del (event[outer] if inner else event)[inner or outer]
    return event


def _between_neighbours(agent: Caller, *events: object) -> list[dict[str, Any]]:
    """The results of ``events`` sent between two good ones, which are taken all the same."""
    before, after = f"u{next(_NEIGHBOURS)}", f"u{next(_NEIGHBOURS)}"
    first, *results, last = agent.tell(bind(before), *events, bind(after))
    assert (first["outcome"], last["outcome"]) == ("accepted", "accepted")
    assert [agent.binding(result["binding_id"])["pod"]["uid"] for result in (first, last)] == [before, after]
    return results


def _named(results: list[dict[str, Any]], path: str) -> None:
    for result in results:
        assert (result["outcome"], result["code"], result["binding_id"]) == ("rejected", "invalid-event", None)
        assert result["detail"].startswith(f"{path}"), result["detail"]
        assert result["detail"].isprintable()


@pytest.mark.parametrize("path", FREE_TEXT + WORDS)
def test_text_that_is_no_name_spoils_its_event_alone_and_the_field_is_named(agent: Caller, path: str) -> None:
    _named(_between_neighbours(agent, *(_with(path, text) for text in NO_TEXT)), path)


@pytest.mark.parametrize("path", FREE_TEXT)
def test_text_that_looks_dangerous_is_only_text(agent: Caller, path: str) -> None:
    outer, _, inner = path.partition(".")
    events = [_with(path, text, f"u{number}") for number, text in enumerate(HARMLESS)]
    for text, result in zip(HARMLESS, _between_neighbours(agent, *events), strict=True):
        assert result["outcome"] == "accepted", (text, result)
        if outer in {"pod", "workload", "service"}:
            assert agent.binding(result["binding_id"])[outer][inner] == text
        if path == "event_id":
            assert result["event_id"] == text


@pytest.mark.parametrize("path", WORDS)
def test_text_where_a_word_or_an_id_is_wanted_is_named(agent: Caller, path: str) -> None:
    _named(_between_neighbours(agent, *(_with(path, text) for text in HARMLESS)), path)


@pytest.mark.parametrize("path", FREE_TEXT + WORDS)
def test_what_is_no_text_is_named(agent: Caller, path: str) -> None:
    _named(_between_neighbours(agent, *(_with(path, value) for value in NO_STRING)), path)


@pytest.mark.parametrize("path", NUMBERS)
def test_what_is_no_whole_number_is_named(agent: Caller, path: str) -> None:
    _named(_between_neighbours(agent, *(_with(path, value) for value in NO_NUMBER)), path)


@pytest.mark.parametrize("path", [path for path in FREE_TEXT + WORDS + NUMBERS if path not in OPTIONAL])
def test_what_is_needed_and_not_there_is_named(agent: Caller, path: str) -> None:
    _named(_between_neighbours(agent, _with(path, None), _without(path)), path)


@pytest.mark.parametrize("path", sorted(OPTIONAL))
def test_what_is_not_needed_may_be_null_or_left_out(agent: Caller, path: str) -> None:
    for result in _between_neighbours(agent, _with(path, None), _without(path)):
        assert result["outcome"] in {"accepted", "unchanged"}, result


@pytest.mark.parametrize("path", ["pod", "target"])
def test_a_part_that_is_needed_and_is_no_object_is_named(agent: Caller, path: str) -> None:
    _named(_between_neighbours(agent, *(_with(path, value) for value in (None, 1, "x", [], [{}], True))), path)
    _named(_between_neighbours(agent, _without(path)), path)


@pytest.mark.parametrize("path", ["workload", "service"])
def test_a_part_that_may_be_left_out_is_an_object_when_it_is_there(agent: Caller, path: str) -> None:
    _named(_between_neighbours(agent, *(_with(path, value) for value in (1, "x", [], [{}], True))), path)
    for result in _between_neighbours(agent, _with(path, None), _without(path)):
        assert result["outcome"] in {"accepted", "unchanged"}


@pytest.mark.parametrize("value", [None, 1, True, "x", [], [[]], 1.5, ""])
def test_an_event_that_is_no_object_is_answered_in_its_place(agent: Caller, value: object) -> None:
    (result,) = _between_neighbours(agent, value)
    assert (result["event_id"], result["outcome"], result["code"]) == (None, "rejected", "invalid-event")


@pytest.mark.parametrize("within", ["", "pod.", "workload.", "service.", "target."])
def test_an_unknown_field_is_named_however_it_is_called(agent: Caller, within: str) -> None:
    for name in ("colour", "Weight", "__class__", "\u4f60\u597d", "a b"):
        (result,) = _between_neighbours(agent, _with(f"{within}{name}", 1))
        assert (result["code"], result["detail"]) == ("invalid-event", f"{within}{name}: Unknown field.")


@pytest.mark.parametrize("name", ["\x00", "a\x00b", "a\nb", "\x1b[31m", "\u2028", "x" * 100_000, "", "\U0010ffff"])
def test_an_unknown_field_with_a_name_that_logs_and_ledgers_cannot_keep_is_told_in_short(
    agent: Caller, name: str
) -> None:
    event = _with("type", "bind")
    event["pod"][name] = 1
    (result,) = _between_neighbours(agent, event)
    assert (result["outcome"], result["code"]) == ("rejected", "invalid-event")
    assert result["detail"].startswith("pod.")
    assert result["detail"].endswith(": Unknown field.")
    assert result["detail"].isprintable()
    assert len(result["detail"]) < 200
    (kept,) = agent.get("/v1/history", action="event-rejected").json["items"]
    assert (kept["event_id"], kept["detail"]) == (event["event_id"], result["detail"])


def test_a_moment_is_written_as_rfc_3339_has_it(agent: Caller) -> None:
    right = ["2026-11-23T08:00:00Z", "2026-11-23t08:00:00.123456789z", "2026-11-23T08:00:00+08:00"]
    wrong = [
        "2026-11-23",
        "2026-11-23T08:00:00",
        "2026-11-23T25:00:00Z",
        "20261123T080000Z",
        "2026-W48-1T08:00:00Z",
        "2026-11-23\x0008:00:00Z",
        "2026-11-23\n08:00:00Z",
        "2026-11-23T08:00:00Z\n",
        "\u0662026-11-23T08:00:00Z",
        "1763884800",
    ]
    _named(_between_neighbours(agent, *(_with("observed_at", text) for text in wrong)), "observed_at")
    for result in _between_neighbours(agent, *(_with("observed_at", text) for text in right)):
        assert result["outcome"] in {"accepted", "unchanged"}


def test_an_identifier_with_a_line_break_at_its_end_is_none(agent: Caller) -> None:
    for path in ("target.load_balancer_id", "target.listener_id", "target.location_id"):
        _named(_between_neighbours(agent, _with(path, "lb-1\n")), path)


@pytest.mark.parametrize(
    "ip",
    [
        "10.0.3",
        "10.0.3.256",
        "010.0.3.1",
        "10.0.3.1/32",
        "10.0.3.17 ",
        "0x0a000311",
        "167772945",
        "fe80::1%eth0",
        "::g",
    ],
)
def test_what_is_no_address_is_named(agent: Caller, ip: str) -> None:
    _named(_between_neighbours(agent, _with("pod.ip", ip)), "pod.ip")


@pytest.mark.parametrize("port", [0, -1, 65536, 2**31, 2**63])
def test_a_port_out_of_range_is_named(agent: Caller, port: int) -> None:
    _named(_between_neighbours(agent, _with("target.port", port)), "target.port")
    _named(_between_neighbours(agent, _with("target.listener_port", port)), "target.listener_port")


@pytest.mark.parametrize("revision", [-1, 2**63, 2**64 - 1])
def test_a_revision_that_the_ledger_cannot_keep_is_named(agent: Caller, revision: int) -> None:
    _named(_between_neighbours(agent, _with("revision", revision)), "revision")


def test_the_greatest_and_the_least_revision_are_kept(agent: Caller) -> None:
    results = _between_neighbours(agent, bind("u1", 0), bind("u2", 2**63 - 1))
    assert [agent.binding(result["binding_id"])["revision"] for result in results] == [0, 2**63 - 1]


@pytest.mark.parametrize("seconds", [-1, 3601, 2**63])
def test_a_drain_time_out_of_range_is_named(agent: Caller, seconds: int) -> None:
    _named(_between_neighbours(agent, _with("target.drain_seconds", seconds)), "target.drain_seconds")
    event = unbind(target={"drain_seconds": seconds})
    _named(_between_neighbours(agent, event), "target.drain_seconds")


def test_the_longest_texts_of_the_widest_characters_have_room(agent: Caller) -> None:
    dice = random.Random(1)

    def wide(length: int) -> str:
        return "".join(chr(dice.randrange(0x20000, 0x2A6D0)) for _ in range(length))

    event = bind(
        event_id=wide(128),
        pod={"namespace": wide(253), "name": wide(253), "uid": wide(128), "node": wide(253)},
        workload={"kind": wide(253), "name": wide(253)},
        service={"namespace": wide(253), "name": wide(253)},
        target={
            "load_balancer_id": "lb-1",
            "listener_id": "lbl-web".ljust(128, "x"),
            "domain": wide(80),
            "url": wide(200),
        },
    )
    (result,) = _between_neighbours(agent, event)
    assert result["outcome"] == "accepted"
    kept = agent.binding(result["binding_id"])
    assert {name: kept[name] for name in ("pod", "workload", "service")} == {
        name: event[name] for name in ("pod", "workload", "service")
    }
    assert [item["event_id"] for item in agent.get("/v1/history", pod_uid=event["pod"]["uid"]).json["items"]] == [
        event["event_id"]
    ]


def test_a_rules_name_is_no_longer_than_the_cloud_has_it(agent: Caller) -> None:
    _named(_between_neighbours(agent, _with("target.domain", "a" * 81)), "target.domain")
    _named(_between_neighbours(agent, _with("target.url", "/" * 201)), "target.url")


def test_an_event_id_of_129_characters_is_too_long(agent: Caller) -> None:
    (result,) = _between_neighbours(agent, bind(event_id="e" * 129))
    assert (result["event_id"], result["code"]) == (None, "invalid-event")
    assert result["detail"].startswith("event_id")


def test_an_invalid_event_is_answered_under_its_id_and_the_same_again(agent: Caller) -> None:
    event = _with("target.port", "x")
    first = agent.tell_one(event)
    assert first["event_id"] == event["event_id"]
    assert agent.tell_one(event) == first
    assert len(agent.get("/v1/history", action="event-rejected").json["items"]) == 1


def test_an_invalid_event_put_right_needs_a_new_id(agent: Caller) -> None:
    event = _with("target.port", "x")
    agent.tell_one(event)
    event["target"]["port"] = 8080
    assert agent.tell_one(event)["code"] == "event-id-reused"
    assert agent.tell_one({**event, "event_id": "another"})["outcome"] == "accepted"


def test_a_listener_is_named_one_way_and_whole(agent: Caller) -> None:
    for target in (
        {"listener_id": None},
        {"listener_id": None, "protocol": "TCP"},
        {"listener_id": None, "listener_port": 80},
        {"protocol": "TCP"},
        {"listener_port": 80},
        {"protocol": "TCP", "listener_port": 80},
    ):
        _named(_between_neighbours(agent, bind(target=target)), "target.listener_id")


def test_a_rule_is_named_one_way(agent: Caller) -> None:
    for target in ({"domain": "a.example"}, {"url": "/"}, {"domain": "a.example", "url": "/"}):
        event = bind(target={"listener_id": "lbl-web", "location_id": "loc-root", **target})
        _named(_between_neighbours(agent, event), "target.location_id")


def test_a_name_that_is_given_twice_spoils_its_event_alone(agent: Caller) -> None:
    good, bad, last = (json.dumps(bind(f"u{number}")) for number in range(3))
    twice = bad.replace('"type": "bind"', '"type": "unbind", "type": "bind"')
    answer = agent.send(
        "POST", f"/v1/clusters/{CLUSTER}/pod-events", f'{{"events": [{good}, {twice}, {last}]}}'.encode()
    )
    assert [result["outcome"] for result in answer.json["results"]] == ["accepted", "rejected", "accepted"]
    assert "type given twice" in answer.json["results"][1]["detail"]
