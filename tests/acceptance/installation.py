"""A whole installation: Postgres, API and worker as processes, the cloud as a simulator in this process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psutil
import requests

from app.demo.processes import line_with
from app.simulator.server import Simulator

T = TypeVar("T")
ADMIN_TOKEN = "acceptance-administrator"
PATIENCE_SECONDS = 60
FAST = {
    "batch_seconds": 0.02,
    "batch_seconds_per_target": 0.0,
    "tail_seconds": 0.02,
    "tail_seconds_per_target": 0.0,
    "task_seconds": 0.05,
    "target_quota": 1000,
}


class Installation:
    """Starts what a test needs, and ends all of it. Every process can be killed and started again."""

    def __init__(self, place: Path, world: Mapping[str, Any], **settings: str) -> None:
        self._place = place
        place.chmod(0o755)
        self.simulator = Simulator(world)
        self._settings = settings
        self._keeper: subprocess.Popen[str] | None = None
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._session = requests.Session()
        self._session.trust_env = False
        self._tokens: dict[str, str] = {}
        self._environment: dict[str, str] = {}
        self.url = ""

    def __enter__(self) -> Self:
        self.simulator.start()
        self.start_postgres()
        try:
            self._run("migrate")
            self.start("serve")
        except BaseException:
            self.__exit__(None, None, None)  # nobody else ends what was started
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()  # first: a server that ends waits for its open connections
        callers = [name for name in self._processes if name.startswith("agent")]  # likewise
        for names in (callers, [name for name in self._processes if name not in callers]):
            for name in names:
                self._processes[name].terminate()
            for name in names:
                self._end(name)
        self._stop_postgres()
        self.simulator.close()

    def start_postgres(self) -> None:
        keeper = [sys.executable, "-m", "tests.acceptance.postgres", str(self._place)]
        self._keeper = subprocess.Popen(keeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._keeper.stdout is not None
        uri = self._keeper.stdout.readline().strip()
        assert uri.startswith("postgresql://"), uri
        self._environment = {
            **os.environ,
            "CLB_BROKER_DATABASE_URL": uri,
            "CLB_BROKER_ADMIN_TOKEN": ADMIN_TOKEN,
            "CLB_BROKER_TENCENT_ENDPOINT": self.simulator.endpoint,
            "CLB_BROKER_TENCENT_SECRET_ID": "AKIDtest",
            "CLB_BROKER_TENCENT_SECRET_KEY": "test-secret",
            "CLB_BROKER_DRAIN_SECONDS": "0",
            "CLB_BROKER_LEASE_SECONDS": "2",
            "CLB_BROKER_CLOUD_TIMEOUT_SECONDS": "3",
            **self._settings,
        }

    def _stop_postgres(self) -> None:
        """End the server itself too: a killed keeper is still counted among those who need it."""
        server = self._postgres()
        server.send_signal(signal.SIGINT)
        server.wait(60)
        if self._keeper is not None:
            self._keeper.kill()
            self._keeper.communicate()

    def _postgres(self) -> psutil.Process:
        first_line = (self._place / "postgres" / "postmaster.pid").read_text().splitlines()[0]
        return psutil.Process(int(first_line))

    def kill_postgres(self) -> None:
        """kill -9 of the server and of all that belong to it."""
        server = self._postgres()
        family = [server, *server.children(recursive=True)]
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=10)
        assert self._keeper is not None
        self._keeper.kill()
        self._keeper.communicate()

    def start(self, verb: str, **settings: str) -> str:
        """Start ``serve`` (again at the same address) or another verb, with ``settings`` besides; the line it says.

        What follows a hyphen tells processes of one verb apart.
        """
        listen = self.url.removeprefix("http://") or "127.0.0.1:0"
        log = (self._place / f"{verb}.log").open("a")
        process = subprocess.Popen(
            [sys.executable, "-m", "app", verb.split("-", maxsplit=1)[0]],
            env={**self._environment, "CLB_BROKER_LISTEN": listen, **settings},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()
        line = line_with(process, "listening on" if verb in {"serve", "webhook"} else "works for")
        assert line is not None, (self._place / f"{verb}.log").read_text()[-3000:]
        self._processes[verb] = process
        if verb == "serve":
            self.url = line.split()[-1]
            self.wait_for("the API to be ready", lambda: self._get_status("/readyz") == 200)
        return line

    @property
    def environment(self) -> Mapping[str, str]:
        """What the processes are started with."""
        return self._environment

    def token(self, cluster_id: str) -> str:
        """The bearer token of that cluster's agent."""
        return self._tokens[cluster_id]

    def kill(self, verb: str) -> None:
        """kill -9 of the process and of its children."""
        os.killpg(self._processes[verb].pid, signal.SIGKILL)
        self._end(verb)

    def signal(self, verb: str, number: signal.Signals) -> None:
        """Send a signal to the process and its children: SIGSTOP lets it stand still, SIGCONT go on."""
        os.killpg(self._processes[verb].pid, number)

    def stop(self, verb: str) -> int:
        """SIGTERM; the exit code."""
        process = self._processes[verb]
        process.terminate()
        self._end(verb)
        return process.returncode

    def log(self, verb: str) -> str:
        return (self._place / f"{verb}.log").read_text()

    def set_the_table(self, clusters: Mapping[str, Mapping[str, Any]], load_balancer_ids: Sequence[str]) -> None:
        """Register, grant everything to all, and keep a token per cluster."""
        for load_balancer_id in load_balancer_ids:
            self.put(f"/v1/load-balancers/{load_balancer_id}", {"account_id": "default", "region": "ap-guangzhou"})
        for cluster_id, more in clusters.items():
            self.put(f"/v1/clusters/{cluster_id}", {"account_id": "default", "region": "ap-guangzhou", **more})
            for load_balancer_id in load_balancer_ids:
                self.put(f"/v1/load-balancers/{load_balancer_id}/grants/{cluster_id}", {"listener_ids": ["*"]})
            answer = self._session.post(
                f"{self.url}/v1/clusters/{cluster_id}/tokens", headers=_bearer(ADMIN_TOKEN), timeout=30
            )
            self._tokens[cluster_id] = answer.json()["token"]

    def put(self, path: str, body: Any) -> Any:
        answer = self._session.put(f"{self.url}{path}", json=body, headers=_bearer(ADMIN_TOKEN), timeout=30)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    def post_as_operator(self, path: str) -> None:
        answer = self._session.post(f"{self.url}{path}", headers=_bearer(ADMIN_TOKEN), timeout=30)
        assert answer.status_code in {200, 204}, answer.text

    def get(self, path: str, **query: Any) -> Any:
        answer = self._session.get(f"{self.url}{path}", params=query, headers=_bearer(ADMIN_TOKEN), timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def everything(self, path: str, **query: Any) -> list[Any]:
        """All items of a list, through all its pages."""
        page = self.get(path, limit=1000, **query)
        items = list(page["items"])
        while page["next_cursor"] is not None:
            page = self.get(path, limit=1000, cursor=page["next_cursor"], **query)
            items += page["items"]
        return items

    def post_once(self, cluster_id: str, events: Sequence[Mapping[str, Any]]) -> list[Any] | None:
        """The results, or None when there was no answer or a 503: nobody knows, so an agent asks again."""
        try:
            answer = requests.post(
                f"{self.url}/v1/clusters/{cluster_id}/pod-events",
                data=json.dumps({"events": list(events)}),
                headers=_bearer(self._tokens[cluster_id]),
                timeout=15,
                proxies={"http": ""},
            )
        except requests.RequestException:
            return None
        if answer.status_code == 503:
            return None
        assert answer.status_code == 202, answer.text
        results: list[Any] = answer.json()["results"]
        return results

    def post(self, cluster_id: str, events: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The results; asks again until there is an answer, as an agent does."""
        return self.wait_for("an answer", lambda: self.post_once(cluster_id, events))

    def wait_for(self, what: str, look: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.05)
        logs = "\n".join(self.log(verb)[-1500:] for verb in self._processes)
        raise AssertionError(f"waited {seconds} s in vain for {what}\n{logs}")

    def targets(self, load_balancer_id: str) -> list[tuple[str, str, int]]:
        """What is at the cloud: (listener, ip, port), sorted, duplicates kept."""
        rows = self.simulator.targets(load_balancer_id)
        return sorted((row["listener_id"], row["ip"], row["port"]) for row in rows)

    def wait_for_targets(self, load_balancer_id: str, wanted: Iterable[tuple[str, str, int]]) -> None:
        expected = sorted(wanted)
        self.wait_for(f"{len(expected)} targets", lambda: self.targets(load_balancer_id) == expected)

    def wait_until_settled(self) -> None:
        """Until no binding is on its way and every load balancer is reconciled."""

        def settled() -> bool:
            moving = [self.get("/v1/bindings", state=state, limit=1)["items"] for state in MOVING]
            syncs = [each["sync"] for each in self.get("/v1/load-balancers")["items"]]
            behind = [sync for sync in syncs if sync["wanted_generation"] != sync["reconciled_generation"]]
            return not any(moving) and not behind

        self.wait_for("everything to settle", settled)

    def writes(self, action: str) -> list[Any]:
        return [call for call in self.simulator.calls if call["action"] == action]

    def _run(self, verb: str) -> None:
        subprocess.run([sys.executable, "-m", "app", verb], env=self._environment, check=True, capture_output=True)

    def _get_status(self, path: str) -> int:
        try:
            return self._session.get(f"{self.url}{path}", timeout=60).status_code
        except requests.RequestException:
            return 0

    def _end(self, verb: str) -> None:
        process = self._processes.pop(verb)
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


MOVING = ("verifying", "pending", "draining", "removing")


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
