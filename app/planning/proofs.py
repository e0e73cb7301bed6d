"""What a verdict makes of a binding: of one that waits for it, and of one that stood by an earlier one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from app.domain.binding import Binding, State, Verdict, Verification, moved, revised
from app.domain.codes import Code
from app.domain.load_balancer import Slot
from app.planning.guard import allows
from app.planning.promotion import PROOFS
from app.planning.withdrawal import withdrawn

Decision = tuple[Verification, Code | None]
"""A verdict with its proof, and the code when it is disproven."""


def judged(binding: Binding, decision: Decision, at: datetime, claimant: Binding | None = None) -> Binding:
    """A binding that waits for a verdict, with it. ``claimant`` is another cluster's proven binding at its place.

    ======== ============== ============================================
    verdict  claimant       becomes
    ======== ============== ============================================
    proven   any            as it is, with the proof: `promoted` goes on
    unknown  any            as it is, and asked about again
    disproven none          rejected; released if it was held by a claim; held if the address is claimed elsewhere
    disproven there is one  held: it has the place until the evidence says otherwise
    ======== ============== ============================================

    What took over a former pod's target is not held for a claim elsewhere: that target has to go.
    """
    verification, code = decision
    detail = str(verification.evidence.get("detail") or "") or None
    if verification.verdict is Verdict.UNKNOWN:
        return (
            binding if binding.state is State.HELD else revised(binding, at, verification=verification, detail=detail)
        )
    if verification.verdict in PROOFS:
        return revised(binding, at, verification=verification, detail=None)
    if claimant is not None:
        return _claimed(binding, verification, f"cluster {claimant.cluster_id} holds this place; {detail}", at)
    if code is Code.CLAIMED_BY_OTHER_CLUSTER and not binding.placed:
        return _claimed(binding, verification, str(detail), at)
    return refused(binding, verification, code, detail, at)


def refused(
    binding: Binding, verification: Verification, code: Code | None, detail: str | None, at: datetime
) -> Binding:
    """A binding that waits for a verdict and does not get its place: by the verdict, or although that proves it."""
    end = State.RELEASED if binding.state is State.HELD else State.REJECTED
    return moved(binding, end, at, code, detail, verification=verification)


def looked_at_again(
    bindings: Iterable[Binding],
    decisions: Mapping[str, Decision],
    present: Mapping[tuple[str, Slot | None], int],
    max_share: float,
    at: datetime,
    *,
    silent: bool = False,
) -> list[tuple[Binding, Binding]]:
    """What a sweep over standing proofs changes: each binding before and after; nothing for those that stay the same.

    All losses of one listener or rule are judged together: when they are more than the guard allows of the targets that
    are ``present`` there, or the last, those at the cloud are held for an operator. No answer is no loss.

    While the cluster's agent is ``silent`` they are held for that reason, since nobody in the cluster will say that
    they go; what was held so is judged with the others when it speaks again.
    """
    beyond = Code.CLUSTER_SILENT if silent else Code.REMOVAL_GUARD
    changed: list[tuple[Binding, Binding]] = []
    lost: dict[tuple[str, Slot | None], list[Binding]] = defaultdict(list)
    for binding in bindings:
        verification, _ = decisions[binding.binding_id]
        had = binding.verification.verdict in PROOFS or (binding.reason is Code.CLUSTER_SILENT and not silent)
        if verification.verdict is Verdict.DISPROVEN and had and binding.placed:
            lost[binding.target.load_balancer_id, binding.slot].append(binding)
        elif verification.verdict is Verdict.DISPROVEN and had:
            changed.append((binding, _lost(binding, decisions[binding.binding_id], at)))
        elif verification.verdict in PROOFS:
            changed.append((binding, _renewed(binding, verification, at)))
    for slot, group in lost.items():
        allowed = allows(len(group), present.get(slot, len(group)), max_share)
        settle = _lost if allowed else partial(_kept_back, beyond=beyond)
        changed += [(binding, settle(binding, decisions[binding.binding_id], at)) for binding in group]
    return [(before, after) for before, after in changed if after != before]


def approved(held: Binding, at: datetime, drain_seconds: int) -> Binding:
    """A binding whose removal was held for an operator, and may go ahead; undrained when its proof is lost."""
    if held.placed and held.verification.verdict is Verdict.DISPROVEN:
        return moved(held, State.REMOVING, at, Code.PROOF_LOST, held.detail)
    (after,) = withdrawn(held, at, drain_seconds)
    return after


def _claimed(binding: Binding, verification: Verification, detail: str, at: datetime) -> Binding:
    if binding.state is not State.HELD:
        return moved(
            binding,
            State.HELD,
            at,
            Code.CLAIMED_BY_OTHER_CLUSTER,
            detail,
            holder=False,
            verification=verification,
        )
    if binding.detail == detail and binding.verification.says_the_same(verification):
        return binding
    return revised(binding, at, verification=verification, detail=detail)


def _renewed(binding: Binding, verification: Verification, at: datetime) -> Binding:
    """A proof that holds, or that is back: what was only held for the lack of it returns."""
    if binding.verification.verdict in PROOFS:
        same = binding.verification.says_the_same(verification)
        return binding if same else revised(binding, at, verification=verification)
    if binding.guarded:
        back = State.BOUND if binding.bound_at else State.PENDING
        return moved(binding, back, at, verification=verification)
    return revised(binding, at, verification=verification)


def _lost(binding: Binding, decision: Decision, at: datetime) -> Binding:
    """Without its proof a target goes at once: what it would be drained to may be a stranger."""
    verification, code = decision
    detail = f"{code}: {verification.evidence.get('detail')}"
    if binding.state is State.VERIFYING:
        return moved(binding, State.REJECTED, at, code, detail, verification=verification)
    if not binding.placed:
        return moved(binding, State.RELEASED, at, Code.PROOF_LOST, detail, verification=verification)
    if binding.state is State.PENDING:
        return moved(binding, State.DRAINING, at, Code.PROOF_LOST, detail, verification=verification, drain_until=at)
    return moved(binding, State.REMOVING, at, Code.PROOF_LOST, detail, verification=verification)


def _kept_back(binding: Binding, decision: Decision, at: datetime, beyond: Code) -> Binding:
    verification, code = decision
    detail = f"its proof is lost ({code}: {verification.evidence.get('detail')}), with those of too many others"
    if binding.state is State.HELD:
        return revised(binding, at, reason=beyond, detail=detail, verification=verification)
    return moved(binding, State.HELD, at, beyond, detail, verification=verification)
