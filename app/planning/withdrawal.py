"""How a binding leaves: at once when the cloud never had it, drained when it may have it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.domain.binding import Binding, State, moved


def withdrawn(binding: Binding, at: datetime, drain_seconds: int) -> Iterator[Binding]:
    """The states that ``binding`` goes through when its pod is no longer wanted; nothing when it leaves already.

    ========== ================= ===========================================
    state      not at the cloud  may be at the cloud (`Binding.placed`)
    ========== ================= ===========================================
    verifying  released          held, removing: unproven, so nothing to drain
    pending    released          draining
    bound      (is placed)       draining, or removing when the drain time is 0
    held       released          draining, or removing when the drain time is 0
    draining   nothing           nothing
    removing   nothing           nothing
    ========== ================= ===========================================
    """
    if not binding.wanted:
        return
    if not binding.placed:
        yield moved(binding, State.RELEASED, at)
    elif binding.state is State.VERIFYING:
        # The target was set up for the address's former pod and this one's proof is not in: it goes undrained.
        held = moved(binding, State.HELD, at, detail="unbound before its proof; the former pod's target is taken off")
        yield held
        yield moved(held, State.REMOVING, at)
    elif drain_seconds == 0 and binding.state is not State.PENDING:
        yield moved(binding, State.REMOVING, at)
    else:
        yield moved(binding, State.DRAINING, at, drain_until=at + timedelta(seconds=drain_seconds))
