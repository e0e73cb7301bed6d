"""Changes of the world by hand, one module per subject, all in one table.

What an operator at the console, another tool or a machine's end does behind the caller's back.

Edits ask no permission: they ignore busy load balancers, quotas and the four-tuple rule.
"""

from collections.abc import Mapping
from typing import Any

from app.simulator.edits import account, clusters, load_balancers, networks
from app.simulator.edits.forms import Edit
from app.simulator.reading import Item
from app.simulator.world import World

EDITS: dict[str, Edit] = {
    kind: make for module in (load_balancers, networks, clusters, account) for kind, make in module.EDITS.items()
}


def edit(world: World, description: Mapping[str, Any]) -> None:
    """Makes one edit, given by its `kind` and the fields that kind needs.

    Raises WorldError, and changes nothing, when it cannot be.
    """
    item = Item(description, "edit")
    kind = item.choice("kind", EDITS)
    with world.held():
        EDITS[kind](world, item)
