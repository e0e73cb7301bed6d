"""An application on a fresh ledger, and those who ask it."""

import pytest

from app.ledger.connection import Ledger

pytest.register_assert_rewrite("tests.api.client", "tests.api.stage")

from tests.api.client import (  # noqa: E402 (asserts in it are rewritten from here on)
    ADMIN_TOKEN,
    OTHER_CLUSTER,
    Caller,
    agent_of,
    application,
    grant,
    register_cluster,
    register_load_balancer,
)
from tests.api.shared import lasting_ledger, ledger  # noqa: E402
from tests.api.stage import read_listeners  # noqa: E402
from tests.ledger.emptied import ledger_url, shared_url  # noqa: E402

__all__ = ["lasting_ledger", "ledger", "ledger_url", "shared_url"]


@pytest.fixture
def stranger(ledger: Ledger) -> Caller:
    """Somebody without a token."""
    return Caller(application(ledger))


@pytest.fixture
def admin(stranger: Caller) -> Caller:
    """The first administrator, on an empty ledger."""
    return stranger.having(ADMIN_TOKEN)


@pytest.fixture
def unread(admin: Caller) -> Caller:
    """The agent of a cluster that may bind on a load balancer whose listeners were not read yet."""
    register_cluster(admin)
    register_load_balancer(admin)
    grant(admin)
    return agent_of(admin)


@pytest.fixture
def agent(unread: Caller, ledger: Ledger) -> Caller:
    """The agent of a cluster that may bind on a load balancer whose listeners are known."""
    read_listeners(ledger)
    return unread


@pytest.fixture
def neighbour(agent: Caller, admin: Caller) -> Caller:
    """The agent of another cluster with the same right."""
    register_cluster(admin, OTHER_CLUSTER)
    grant(admin, OTHER_CLUSTER)
    return agent_of(admin, OTHER_CLUSTER)
