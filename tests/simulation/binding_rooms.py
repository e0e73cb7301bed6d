"""The ledger's rooms of what clusters say, over rows in memory: bindings, heads, events, the journal.

Each function has the name, the parameters and the meaning of the one in `app.ledger` that it stands for.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.domain.binding import Binding
from app.domain.event import Service
from app.domain.journal import Entry
from app.domain.load_balancer import Slot
from app.ledger import bindings, events, heads, journal
from app.planning.known import Answer, Head
from tests.chaos.histories import Entry as Line
from tests.chaos.histories import Place
from tests.simulation.ledger import Books


class ConstraintBroken(RuntimeError):
    """What a constraint or a unique index of the real ledger would refuse."""


def write(
    books: Books,
    created: Sequence[Binding],
    changed: Sequence[Binding],
    visible: Collection[str],
    before: Mapping[str, Binding],
) -> None:
    """Keep new and changed bindings, and number those that agents shall hear of."""
    for each in changed:
        if each.binding_id not in books.bindings:
            raise bindings.ConcurrentChange("a binding that was to be changed is gone")
        if each.binding_id in before and before[each.binding_id] != books.bindings[each.binding_id]:
            raise AssertionError(f"{each.binding_id} is not any more as it was read: what changed since would be lost")
    for each in (*created, *changed):
        books.bindings[each.binding_id] = each
        books.numbers.setdefault(each.binding_id, 0)
    for each in sorted((*created, *changed), key=lambda binding: binding.binding_id):
        _check(books, each)
        if each.binding_id in visible:
            row = books.clusters[each.cluster_id]
            books.clusters[each.cluster_id] = replace(row, change_sequence=row.change_sequence + 1)
            books.numbers[each.binding_id] = row.change_sequence + 1


def _check(books: Books, binding: Binding) -> None:
    if binding.holder and not (binding.live and binding.slot):
        raise ConstraintBroken(f"{binding.binding_id} holds a place, and is {binding.state} at {binding.slot}")
    if not (binding.holder or binding.placed):
        return
    for other in books.bindings.values():
        if other is binding or other.ip != binding.ip or other.place != binding.place:
            continue
        if (binding.holder and other.holder) or (binding.placed and other.placed):
            raise ConstraintBroken(f"{binding.binding_id} and {other.binding_id} are both at {binding.place}")


def _at_work(binding: Binding) -> bool:
    return binding.live or binding.placed


def such(books: Books, fits: Callable[[Binding], bool]) -> list[Binding]:
    """The bindings that fit."""
    return [each for each in books.bindings.values() if fits(each)]


def of_ids(books: Books, binding_ids: Collection[str]) -> list[Binding]:
    """The bindings of these ids."""
    return [books.bindings[each] for each in sorted(binding_ids) if each in books.bindings]


def addresses_of(books: Books, binding_ids: Collection[str]) -> set[tuple[str, str]]:
    """The (load balancer, ip) pairs of these bindings."""
    return {(each.target.load_balancer_id, each.ip) for each in of_ids(books, binding_ids)}


def around_addresses(
    books: Books, addresses: Collection[tuple[str, str]], binding_ids: Collection[str]
) -> list[Binding]:
    """What is at work at these (load balancer, ip) pairs, and the bindings of these ids."""
    wanted, pairs = set(binding_ids), set(addresses)
    return such(
        books,
        lambda each: each.binding_id in wanted or (_at_work(each) and (each.target.load_balancer_id, each.ip) in pairs),
    )


def at_work(books: Books, load_balancer_id: str) -> list[Binding]:
    """What is at work on a load balancer, in a fixed order."""
    found = such(books, lambda each: each.target.load_balancer_id == load_balancer_id and _at_work(each))
    return sorted(found, key=lambda each: each.binding_id)


def live_of_service(books: Books, cluster_id: str, service: Service) -> list[Binding]:
    """The live bindings of one Service."""
    return such(books, lambda each: each.live and (each.cluster_id, each.service) == (cluster_id, service))


def placed_counts(books: Books, load_balancer_ids: Collection[str]) -> Counter[tuple[str, Slot | None]]:
    """Targets at the cloud that are still wanted, per listener."""
    there = such(books, lambda each: each.placed and each.wanted and each.target.load_balancer_id in load_balancer_ids)
    return Counter((each.target.load_balancer_id, each.slot) for each in there)


def changes(books: Books, cluster_id: str, after: int, limit: int) -> list[tuple[int, Binding]]:
    """A cluster's bindings in the order of their last change."""
    found = [
        (number, books.bindings[name])
        for name, number in books.numbers.items()
        if number > after and books.bindings[name].cluster_id == cluster_id
    ]
    return sorted(found, key=lambda each: each[0])[:limit]


def around(
    books: Books, account_id: str, cluster_id: str, pod_uids: Collection[str], addresses: Collection[tuple[str, str]]
) -> list[Head]:
    """A cluster's heads of these pods, and those at these (load balancer, ip) pairs."""
    return [
        head
        for (cluster, _, _), head in books.heads.items()
        if cluster == cluster_id and (head.pod_uid in pod_uids or (head.target.load_balancer_id, head.ip) in addresses)
    ]


def write_heads(books: Books, account_id: str, cluster_id: str, found: Iterable[Head]) -> None:
    """Insert or replace."""
    for head in found:
        books.heads[cluster_id, head.pod_uid, head.target.key] = head


def answers(books: Books, cluster_id: str, event_ids: Collection[str]) -> dict[str, Answer]:
    """First answers, by event id."""
    keys = {each: (cluster_id, each) for each in event_ids}
    return {each: books.answers[key] for each, key in keys.items() if key in books.answers}


def add_events(
    books: Books, account_id: str, cluster_id: str, given: Mapping[str, Answer], contents: Mapping[str, Any]
) -> None:
    """Keep new events with their answers."""
    for event_id, answer in given.items():
        if (cluster_id, event_id) in books.answers:
            raise ConstraintBroken(f"{event_id} of {cluster_id} is kept twice")
        books.answers[cluster_id, event_id] = answer


def add_entries(books: Books, actor: str, entries: Sequence[Entry]) -> None:
    """The next lines of the journal, as the checker reads them; those about no binding are left out."""
    for entry in entries:
        if entry.binding_id is None:
            continue
        place = Place(entry.load_balancer_id or "", entry.listener_id or "", entry.ip or "", entry.port or 0)
        told = (actor, str(entry.action), entry.binding_id, entry.cluster_id or "", entry.pod_uid or "", place)
        states = (entry.from_state, entry.to_state, entry.reason, entry.event_id)
        books.entries.append(Line(len(books.entries) + 1, books.seconds, *told, *states))


ROOMS: Mapping[Any, Mapping[str, Any]] = {
    bindings: {
        "write": write,
        "of_ids": of_ids,
        "around_addresses": around_addresses,
        "addresses_of": addresses_of,
        "at_work": at_work,
        "live_of_service": live_of_service,
        "placed_counts": placed_counts,
        "changes": changes,
    },
    heads: {"around": around, "write": write_heads},
    events: {"answers": answers, "add": add_events},
    journal: {"add": add_entries},
}
"""Which function of which room each stands for."""
