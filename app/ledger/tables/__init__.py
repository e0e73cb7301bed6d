"""The schema. Who wins is decided here, by named constraints and partial unique indexes, never by check-then-insert.

``account_id`` stands in every key: rate limits and load-balancer locks belong to an account, so that is where the
ledger could be split one day. Ids of clusters and load balancers are unique over all accounts besides, since the API
names them without their account.
"""

from app.ledger.tables.bindings import bindings, heads
from app.ledger.tables.drift import drift
from app.ledger.tables.events import events
from app.ledger.tables.journal import (
    checkpoints,
    journal,
    journal_boundaries,
    journal_numbers,
    journal_standing,
    seals,
)
from app.ledger.tables.metadata import METADATA
from app.ledger.tables.networks import ccns, nodes, regions, security_groups, vips, vpcs
from app.ledger.tables.registry import agents, change_numbers, clusters, grants, load_balancers, tokens
from app.ledger.tables.trusts import trusted_keys, trusts
from app.ledger.tables.verifications import verifications
from app.ledger.tables.work import call_budget, cloud_operations, leases

__all__ = [
    "METADATA",
    "agents",
    "bindings",
    "call_budget",
    "ccns",
    "change_numbers",
    "checkpoints",
    "cloud_operations",
    "clusters",
    "drift",
    "events",
    "grants",
    "heads",
    "journal",
    "journal_boundaries",
    "journal_numbers",
    "journal_standing",
    "leases",
    "load_balancers",
    "nodes",
    "regions",
    "seals",
    "security_groups",
    "tokens",
    "trusted_keys",
    "trusts",
    "verifications",
    "vips",
    "vpcs",
]
