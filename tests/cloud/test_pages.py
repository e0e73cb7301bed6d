"""Reads in pages: whole, or no answer at all."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.cloud import pages
from app.cloud.pages import Listing, Paged, read_pages, readable
from app.domain.errors import CloudAmbiguous, CloudThrottled
from tests.cloud.scripted import Scripted

PAGE = 100


class InPages:
    """A cloud that gives its items in pages of its own size, whatever was asked for."""

    def __init__(self, total: int, size: int, *, claimed: Any = None) -> None:
        self._items = [{"Id": f"i-{number}"} for number in range(total)]
        self._size = size
        self._claimed = total if claimed is None else claimed
        self.calls: list[Mapping[str, Any]] = []

    def call(self, _service: str, _action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(parameters)
        offset = int(parameters["Offset"])
        page = self._items[offset : offset + min(self._size, int(parameters["Limit"]))]
        return {"TotalCount": self._claimed, "Set": page or None, "RequestId": "r-1"}


def read(cloud: Any, **terms: Any) -> Paged[str]:
    return read_pages(cloud, Listing("s", "Describe", "Set", {"Of": "it"}, **terms), lambda found: found["Id"])


def items(first: int, count: int) -> list[dict[str, str]]:
    return [{"Id": f"i-{number}"} for number in range(first, first + count)]


@pytest.mark.parametrize(
    ("total", "size", "calls"), [(0, 100, 1), (1, 100, 1), (100, 100, 1), (101, 100, 2), (230, 40, 6), (230, 1, 230)]
)
def test_all_pages_are_read_however_short_they_are(total: int, size: int, calls: int) -> None:
    found = read(InPages(total, size))
    assert found == Paged(tuple(f"i-{number}" for number in range(total)), calls)


@pytest.mark.parametrize("claimed", [0, None])
def test_a_cloud_that_tells_no_total_is_read_until_a_page_is_short(claimed: int | None) -> None:
    cloud = Scripted(
        Describe=[{"TotalCount": claimed, "Set": items(0, 100)}, {"TotalCount": claimed, "Set": items(100, 30)}]
    )
    assert len(read(cloud).items) == 130


@pytest.mark.parametrize(
    ("texts", "expected"), [(False, [(0, 100), (100, 100)]), (True, [("0", "100"), ("100", "100")])]
)
def test_offset_and_limit_are_of_the_type_that_the_action_takes(texts: bool, expected: list[object]) -> None:
    cloud = InPages(150, 100)
    read(cloud, texts=texts)
    assert [(call["Offset"], call["Limit"]) for call in cloud.calls] == expected
    assert {call["Of"] for call in cloud.calls} == {"it"}


def test_between_the_pages_the_reader_is_asked_and_may_break_off() -> None:
    asked: list[int] = []
    cloud = InPages(250, 100)
    read(cloud, between=lambda: asked.append(len(cloud.calls)))
    assert asked == [1, 2]

    def lose() -> None:
        raise LookupError("the lease is lost")

    with pytest.raises(LookupError, match="the lease is lost"):
        read(InPages(250, 100), between=lose)


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("ends before its total", [{"TotalCount": 400, "Set": items(0, 100)}, {"TotalCount": 400, "Set": []}]),
        ("has an empty page in the midst", [{"TotalCount": 3, "Set": items(0, 2)}, {"TotalCount": 3, "Set": None}]),
        ("has nothing of what there is", [{"TotalCount": 3}]),
        ("grows meanwhile", [{"TotalCount": 150, "Set": items(0, 100)}, {"TotalCount": 151, "Set": items(100, 50)}]),
        ("shrinks meanwhile", [{"TotalCount": 150, "Set": items(0, 100)}, {"TotalCount": 149, "Set": items(99, 50)}]),
        ("loses its total", [{"TotalCount": 150, "Set": items(0, 100)}, {"Set": items(100, 50)}]),
        ("shifts meanwhile", [{"TotalCount": 150, "Set": items(0, 100)}, {"TotalCount": 150, "Set": items(99, 50)}]),
        ("begins anew", [{"TotalCount": 150, "Set": items(0, 100)}]),
        ("says nothing at all", [{}]),
        ("never ends", [{"Set": items(0, 100)}]),
    ],
)
def test_a_reading_that_is_not_whole_is_no_reading(name: str, answers: list[dict[str, Any]]) -> None:
    with pytest.raises(CloudAmbiguous) as raised:
        read(Scripted(Describe=answers))
    assert raised.value.code == "IncompleteAnswer", name


def test_a_reading_that_would_not_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_PAGES", 3)
    cloud = InPages(1000, 100)
    with pytest.raises(CloudAmbiguous):
        read(cloud)
    assert len(cloud.calls) == 3


@pytest.mark.parametrize("count", [1, "1", 1.5, True, None, 0, "", [], {}])
def test_a_total_that_can_be_taken_for_a_number_is_one(count: Any) -> None:
    assert read(Scripted(Describe=[{"TotalCount": count, "Set": items(0, 1)}])).items == ("i-0",)


@pytest.mark.parametrize("count", ["many", [1], {"a": 1}, -1, float("inf"), float("nan")])
def test_a_total_that_cannot_be_read_is_no_answer(count: Any) -> None:
    with pytest.raises(CloudAmbiguous):
        read(Scripted(Describe=[{"TotalCount": count, "Set": items(0, 1)}]))


@pytest.mark.parametrize(
    "found", [[None], [{"Id": "i-1"}, None], ["text"], "text", 5, True, 1.5, {"Id": "i-1"}, [[]], [{}], [5]]
)
def test_items_of_a_wrong_type_are_no_answer(found: Any) -> None:
    with pytest.raises(CloudAmbiguous) as raised:
        read(Scripted(Describe=[{"TotalCount": 1, "Set": found}]))
    assert raised.value.code == "UnreadableAnswer"
    assert "Describe" in raised.value.message


def test_a_page_that_fails_fails_the_reading() -> None:
    cloud = Scripted(Describe=[{"TotalCount": 150, "Set": items(0, 100)}, CloudThrottled("RequestLimitExceeded", "")])
    with pytest.raises(CloudThrottled):
        read(cloud)


@pytest.mark.parametrize("error", [ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError])
def test_what_reading_an_answer_stumbles_over_is_no_answer(error: type[Exception]) -> None:
    def stumble() -> None:
        raise error

    with pytest.raises(CloudAmbiguous) as raised:
        readable("Describe", stumble)
    assert (raised.value.code, raised.value.message) == ("UnreadableAnswer", f"Describe: {error.__name__}")
