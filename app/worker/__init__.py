"""The worker: loops that can be run once. The only holder of cloud credentials.

``converge_load_balancer``  read, plan, record the intent, write, read back, record
``verify_ownership``        evidence for what waits, verdicts into the ledger
``refresh_topology``        the networks of clusters that nobody stated
``loops``                   take work when it is due, as much as there are hands for
"""
