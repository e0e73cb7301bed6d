"""Reads that come in pages, and answers that are not of the form that they should have.

An answer that cannot be read, that ends too soon or that changed while its pages were read says nothing: whatever is
missing from it may be there all the same. It is told as `CloudAmbiguous`, and asked for again later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from app.cloud.client import Client
from app.domain.errors import CloudAmbiguous

T = TypeVar("T")

PAGE: Final = 100
"""Most items of one page (VPC, TKE and CLB API)."""

MOST_PAGES: Final = 1000
"""A read that would not end is broken off."""

MALFORMED: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """The items of all pages, and how many calls they took."""

    items: tuple[T, ...]
    calls: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A read in pages: where it is asked, and the field of the answer that holds the items.

    ``texts``: the action takes Offset and Limit as texts. ``between`` is called after each page.
    """

    service: str
    action: str
    field: str
    parameters: Mapping[str, Any]
    texts: bool = False
    between: Callable[[], None] = lambda: None


def read_pages(client: Client, listing: Listing, translate: Callable[[Mapping[str, Any]], T]) -> Paged[T]:
    """All items, translated one by one. Raises a `CloudError`.

    The next page begins where this one ended, since the cloud may give shorter ones than asked for.
    """
    items: list[T] = []
    seen: set[str] = set()
    total: int | None = None
    offset = 0
    for calls in range(1, MOST_PAGES + 1):
        page, found, count = _page(client, listing, offset, translate)
        # Pages that shift while they are read show one item twice and another not at all.
        if (total is not None and count != total) or not seen.isdisjoint(found):
            raise CloudAmbiguous("IncompleteAnswer", f"{listing.action}: it changed while its pages were read")
        seen |= found
        total = count
        items += page
        offset += len(page)
        if offset >= total and (total or len(page) < PAGE):
            return Paged(tuple(items), calls)
        if not page:
            break
        listing.between()
    raise CloudAmbiguous("IncompleteAnswer", f"{listing.action}: {offset} items, which are not all there should be")


def readable(action: str, read: Callable[[], T]) -> T:
    """What ``read`` makes of an answer. Raises `CloudAmbiguous` when the answer is not of the form it should have."""
    try:
        return read()
    except MALFORMED as error:
        raise CloudAmbiguous("UnreadableAnswer", f"{action}: {type(error).__name__}") from error


def named(action: str, answer: Mapping[str, Any], field: str) -> Sequence[Mapping[str, Any]]:
    """The items of an answer without pages. Raises `CloudAmbiguous` when there are none and it does not say so."""
    found = answer.get(field)
    if not found and answer.get("TotalCount", 0 if isinstance(found, list) else None) != 0:
        raise CloudAmbiguous("IncompleteAnswer", f"{action}: nothing, and no word that there is nothing")
    return readable(action, lambda: list(found or ()))


def asked_for(action: str, answer: Mapping[str, Any], field: str, name: tuple[str, str]) -> Mapping[str, Any] | None:
    """The one item that was asked for by its ``name`` (field and value); None when the answer says there is none.

    Raises `CloudAmbiguous` when it tells of others instead.
    """
    found = named(action, answer, field)
    mine = readable(action, lambda: [each for each in found if each.get(name[0]) == name[1]])
    if found and not mine:
        raise CloudAmbiguous("UnreadableAnswer", f"{action}: it tells of others than {name[1]}")
    return mine[0] if mine else None


def _page(
    client: Client, listing: Listing, offset: int, translate: Callable[[Mapping[str, Any]], T]
) -> tuple[Sequence[T], set[str], int]:
    """A page's items, the same as they came, and how many there are in all."""
    form = str if listing.texts else int
    parameters = {**listing.parameters, "Offset": form(offset), "Limit": form(PAGE)}
    answer = client.call(listing.service, listing.action, parameters)
    found = answer.get(listing.field) or ()
    page = readable(listing.action, lambda: [translate(each) for each in found])
    total = readable(listing.action, lambda: int(answer.get("TotalCount") or 0))
    if total < 0:
        raise CloudAmbiguous("UnreadableAnswer", f"{listing.action}: {total} items in all")
    if offset == 0 and answer.get(listing.field) is None and answer.get("TotalCount") is None:
        raise CloudAmbiguous("IncompleteAnswer", f"{listing.action}: neither items nor how many there are")
    return page, set(map(repr, found)), total
