"""Ask whether an address would be proven for a cluster, without binding it. Only a worker may ask the cloud."""

import time
from collections.abc import Callable
from typing import Final

from app.broker.identifiers import new_identifiers
from app.domain.cluster import NetworkMode
from app.domain.errors import RequestRefused
from app.ledger import clusters, load_balancers, verifications
from app.ledger.connection import Ledger
from app.ledger.verifications import Question

POLL_SECONDS: Final = 0.05
"""How often somebody who waits for an answer looks for it."""


def ask_verification(
    ledger: Ledger,
    *,
    cluster_id: str,
    ip: str,
    network_mode: NetworkMode,
    load_balancer_id: str | None,
    port: int | None,
) -> str:
    """The id of the question, which a worker answers with the verdict that a bind would get.

    Raises `RequestRefused` (404) for an unknown cluster or load balancer, `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        # The cluster's lock comes first, as everywhere: whoever answers old questions, which are deleted here, has it.
        locked = clusters.lock(connection, [cluster_id])
        if not locked:
            raise RequestRefused(404, "cluster-not-found", f"there is no cluster {cluster_id}")
        if load_balancer_id is not None and load_balancers.find(connection, load_balancer_id) is None:
            raise RequestRefused(404, "load-balancer-not-found", f"there is no load balancer {load_balancer_id}")
        verification_id = next(new_identifiers("v"))
        question = {
            "account_id": locked[0].account_id,
            "verification_id": verification_id,
            "cluster_id": cluster_id,
            "ip": ip,
            "network_mode": network_mode,
            "load_balancer_id": load_balancer_id,
            "port": port,
        }
        verifications.ask(connection, question)
        clusters.want_verification(connection, cluster_id)
    return verification_id


def find_answer(
    ledger: Ledger, verification_id: str, wait_seconds: float, pause: Callable[[float], None] = time.sleep
) -> Question:
    """The question, with its answer if there is one within ``wait_seconds``. No transaction stays open meanwhile.

    Raises `RequestRefused` (404) for an unknown one, `LedgerUnavailable`.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        with ledger.begin() as connection:
            found = verifications.find(connection, verification_id)
        if found is None:
            raise RequestRefused(404, "verification-not-found", f"there is no verification {verification_id}")
        if found.answer is not None or time.monotonic() >= deadline:
            return found
        pause(POLL_SECONDS)
