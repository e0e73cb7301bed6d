"""The served API with something in every table."""

import pytest

from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import (
    ADMIN_TOKEN,
    Caller,
    agent_of,
    application,
    bind,
    grant,
    register_cluster,
    register_load_balancer,
)
from tests.api.shared import lasting_ledger, ledger
from tests.ledger.emptied import ledger_url, shared_url

__all__ = ["lasting_ledger", "ledger", "ledger_url", "shared_url"]


@pytest.fixture
def admin(ledger: Ledger) -> Caller:
    """The first administrator, on an empty ledger."""
    return Caller(application(ledger), ADMIN_TOKEN)


@pytest.fixture
def agent(admin: Caller, ledger: Ledger) -> Caller:
    """The agent of a cluster with a binding at the cloud and one that waits."""
    register_cluster(admin)
    register_load_balancer(admin)
    grant(admin)
    stage.read_listeners(ledger)
    caller = agent_of(admin)
    at_the_cloud, _ = caller.tell(bind("u1"), bind("u2"))
    stage.bring_to_the_cloud(ledger, at_the_cloud["binding_id"])
    return caller
