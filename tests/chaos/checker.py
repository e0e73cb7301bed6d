"""The judge: three histories in, the promises that broke out. Pure, and written from the contract, not from the broker.

========= ==================================================================================================
promise   what is looked at
========= ==================================================================================================
A1        every answered event is in the ledger with its answer
A2        one answer and at most one binding per event id; other content under it is refused
A3        nothing sent after a greater revision was answered has an effect
A4        what is taken off was taken off by a word of its own cluster; other clusters' tokens are refused
A5        places are held for whom the words say; none outlives its claim by more than D
A6        within B after the last fault the cloud is what the words ask for; foreign targets are untouched
A7        no two writes in flight; epochs only grow, one life each; every write follows a reading
A8        calls per action in any one second within the budget
A9        an intent before each write and an outcome after it; no gap in a binding's journal; no empty write
A10       nothing implicit takes more than its share of a listener, nor the last target
A11       nothing changes while no worker runs; what has no token is refused
A12       a bind waits for no more of other clusters' calls than its turn allows
feed      the changes of a cluster, read to their end, say of each binding what the ledger says
========= ==================================================================================================
"""

from collections.abc import Iterator

from tests.chaos import claims, fairness, removals, words, writes
from tests.chaos.histories import Breach, History

RULES = (
    words.durable,
    words.once,
    words.monotone,
    words.own,
    words.feed,
    removals.justified,
    removals.blast,
    claims.overdue,
    writes.one_writer,
    writes.pace,
    writes.traced,
    writes.stays,
    fairness.in_turn,
)


def broken(history: History) -> list[Breach]:
    """All promises that ``history`` breaks, each with its evidence; empty when all were kept."""
    found = {breach for rule in RULES for breach in rule(history)}
    return sorted(found | set(_converged(history)))


def _converged(history: History) -> Iterator[Breach]:
    yield from claims.not_converged(history)
    faults_over = max((trouble.ended_at for trouble in history.troubles), default=0.0)
    if history.at_rest is None:
        yield Breach("A6", f"not at rest {history.ended_at - faults_over:.0f} s after the last fault")
    elif faults_over and history.at_rest - faults_over > history.terms.converge:
        yield Breach("A6", f"at rest {history.at_rest - faults_over:.0f} s after the last fault")
