"""The table of actions: what each takes, how it is limited, what it does. One module per subject.

To add an action, write its function where its subject is and enter it in that module's `ACTIONS`.
"""

from app.simulator.actions import ccn, clusters, load_balancers, machines, networks, target_reads, target_writes, tasks
from app.simulator.request import Action

ACTIONS: dict[str, Action] = {
    action.name: action
    for module in (target_writes, target_reads, load_balancers, tasks, networks, ccn, clusters, machines)
    for action in module.ACTIONS
}
"""By name. DescribeInstances and the like belong to one service each: no name is used twice among these."""
