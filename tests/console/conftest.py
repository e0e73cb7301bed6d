"""The API on a loopback port, and the command line pointed at it."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from app.cli import main
from app.console.contexts import FILE_VARIABLE, SERVER_VARIABLE, TOKEN_VARIABLE
from app.ledger.connection import Ledger

pytest.register_assert_rewrite("tests.api.client", "tests.api.stage")

from tests.api.client import (  # noqa: E402 (asserts in it are rewritten from here on)
    ADMIN_TOKEN,
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


@dataclass(frozen=True)
class Console:
    """Somebody at a terminal, with an environment."""

    environment: dict[str, str]

    def run(self, *words: str, says: str | None = None) -> Result:
        """One command; ``says`` is what is typed in."""
        return CliRunner().invoke(main, list(words), env=self.environment, input=says, prog_name="clb-broker")

    def shown(self, *words: str) -> str:
        """What a command that succeeds prints."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def items(self, *words: str) -> list[dict[str, Any]]:
        """The items that a list prints for machines."""
        return [json.loads(line) for line in self.shown(*words, "-o", "json").splitlines()]

    def having(self, **variables: str) -> "Console":
        """With other variables."""
        return Console({**self.environment, **variables})


@pytest.fixture
def server(ledger: Ledger) -> Iterator[str]:
    """The API's URL."""
    made = make_server("127.0.0.1", 0, application(ledger), threaded=True)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def admin(ledger: Ledger) -> Caller:
    """The first administrator."""
    return Caller(application(ledger), ADMIN_TOKEN)


@pytest.fixture
def agent(admin: Caller, ledger: Ledger) -> Caller:
    """The agent of a cluster that may bind on a load balancer whose listeners are known."""
    register_cluster(admin)
    register_load_balancer(admin)
    grant(admin)
    read_listeners(ledger)
    return agent_of(admin)


@pytest.fixture
def stranger(tmp_path: Path) -> Console:
    """Nobody's terminal: no context, no variable."""
    return Console({FILE_VARIABLE: str(tmp_path / "own" / "contexts.yaml"), SERVER_VARIABLE: "", TOKEN_VARIABLE: ""})


@pytest.fixture
def console(stranger: Console, server: str) -> Console:
    """The administrator's terminal."""
    return stranger.having(**{SERVER_VARIABLE: server, TOKEN_VARIABLE: ADMIN_TOKEN})


@pytest.fixture
def as_role(console: Console, admin: Caller) -> Callable[[str], Console]:
    """The terminal of somebody with a token of a role."""

    def made(role: str) -> Console:
        answer = admin.post("/v1/tokens", {"role": role, "name": role})
        assert answer.status_code == 201, answer.text
        return console.having(**{TOKEN_VARIABLE: answer.json["token"]})

    return made
