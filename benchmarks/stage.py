"""The parts that are measured, each a process of its own: Postgres, simulator, API and workers."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import requests

from app.demo.processes import Processes
from app.ledger.embedded import temporary_postgres
from benchmarks import world as worlds
from benchmarks.world import Pod, Size

T = TypeVar("T")
ADMIN_TOKEN: Final = "bench-administrator"
PATIENCE_SECONDS: Final = 300.0
HANDS: Final = 4


class Unfinished(RuntimeError):
    """What was waited for did not come."""


class Http:
    """JSON over one kept connection, never through a proxy. Raises `Unfinished` for an answer that is no success."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """The answer's JSON."""
        content = None if body is None else json.dumps(body)
        answer = self._session.request(method, self.url + path, params=query, data=content, timeout=60)  # type: ignore[arg-type]
        if not answer.ok:
            raise Unfinished(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def text(self, path: str) -> str:
        """The answer as it is. Raises `Unfinished`."""
        answer = self._session.get(self.url + path, timeout=60)
        if not answer.ok:
            raise Unfinished(f"GET {path}: {answer.status_code}")
        return answer.text


class Cloud:
    """The simulator's control path: its record of calls and changes, its parameters, and faults to order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = Http(url)
        self._changes = 0
        self._calls = 0

    def parameters(self) -> dict[str, Any]:
        """All parameters as they are."""
        return dict(self._http.ask("GET", "/_control/parameters"))

    def new_calls(self) -> list[dict[str, Any]]:
        """The calls since the last look."""
        rows: list[dict[str, Any]] = self._http.ask("GET", "/_control/calls", after=self._calls)["calls"]
        self._calls = rows[-1]["sequence"] if rows else self._calls
        return rows

    def new_changes(self) -> list[dict[str, Any]]:
        """The changes of targets since the last look."""
        rows: list[dict[str, Any]] = self._http.ask("GET", "/_control/changes", after=self._changes)["changes"]
        self._changes = rows[-1]["sequence"] if rows else self._changes
        return rows

    def forget(self) -> None:
        """Begin a measurement: what was called and changed before is not seen again."""
        self.new_calls()
        self.new_changes()
        self._http.ask("DELETE", "/_control/calls")

    def wait_for_targets(self, count: int) -> list[dict[str, Any]]:
        """The changes that brought so many targets. Raises `Unfinished`."""
        seen: list[dict[str, Any]] = []

        def there() -> bool:
            seen.extend(self.new_changes())
            return len([row for row in seen if row["kind"] == "added"]) >= count

        wait_for(f"{count} targets at the cloud", there, every=0.3)
        return seen

    def order(self, **fault: object) -> None:
        """Order a fault; see docs/simulator.md."""
        self._http.ask("POST", "/_control/faults", fault)

    def faults(self) -> list[dict[str, Any]]:
        """All orders, with how often each has struck."""
        rows: list[dict[str, Any]] = self._http.ask("GET", "/_control/faults")["faults"]
        return rows


class Broker:
    """A running installation with the table set: everything registered, read once, and granted to every cluster."""

    def __init__(self, url: str, cloud: Cloud) -> None:
        self.cloud = cloud
        self.url = url
        self.tokens: dict[str, str] = {}
        """Of the clusters' agents, by cluster."""
        self._operator = Http(url, ADMIN_TOKEN)
        self._agents: dict[str, Http] = {}

    def set_the_table(self, size: Size) -> None:
        """Register all of a size, and wait until the workers have read it."""
        home = {"account_id": "default", "region": worlds.REGION}
        clusters, load_balancers = worlds.cluster_ids(size), worlds.load_balancer_ids(size)
        for cluster_id in clusters:
            self._operator.ask("PUT", f"/v1/clusters/{cluster_id}", home)
            token = self._operator.ask("POST", f"/v1/clusters/{cluster_id}/tokens")["token"]
            self.tokens[cluster_id] = token
            self._agents[cluster_id] = Http(self.url, token)

        def register(load_balancer_id: str) -> None:
            operator = Http(self.url, ADMIN_TOKEN)
            operator.ask("PUT", f"/v1/load-balancers/{load_balancer_id}", home)
            for cluster_id in clusters:
                grant = f"/v1/load-balancers/{load_balancer_id}/grants/{cluster_id}"
                operator.ask("PUT", grant, {"listener_ids": ["*"]})

        at_once(register, load_balancers)
        wait_for("everything to be read", self._is_read)

    def post(self, cluster_id: str, pods: Sequence[Pod]) -> float:
        """Send the pods' events in one request; when it was answered (unix seconds)."""
        body = {"events": [worlds.event(pod) for pod in pods]}
        results = self._agents[cluster_id].ask("POST", f"/v1/clusters/{cluster_id}/pod-events", body)["results"]
        answered = time.time()
        refused = [result for result in results if result["outcome"] != "accepted"]
        if refused:
            raise Unfinished(f"not accepted: {refused[0]}")
        return answered

    def wait_until_bound(self) -> None:
        """Until no binding is on its way. Raises `Unfinished`."""

        def settled() -> bool:
            states = ("verifying", "pending", "held", "rejected")
            return not any(self._operator.ask("GET", "/v1/bindings", state=each, limit=1)["items"] for each in states)

        wait_for("all bindings to be bound", settled, every=0.5)

    def bindings(self) -> list[dict[str, Any]]:
        """All bindings."""
        return self._pages("/v1/bindings")

    def _is_read(self) -> bool:
        found = self._pages("/v1/load-balancers")
        clusters = self._pages("/v1/clusters")
        return all(each["vpc_id"] for each in found) and all(each["topology_read_at"] for each in clusters)

    def _pages(self, path: str) -> list[dict[str, Any]]:
        page = self._operator.ask("GET", path, limit=1000)
        items = list(page["items"])
        while page["next_cursor"] is not None:
            page = self._operator.ask("GET", path, limit=1000, cursor=page["next_cursor"])
            items += page["items"]
        return items


@contextmanager
def running_cloud(size: Size) -> Iterator[Cloud]:
    """A simulator with the world of a size."""
    with _place() as place, Processes(place) as processes:
        yield _start_cloud(size, place, processes)


WORKER_PARTS: Final = ("passes", "all-but-passes")
"""A worker is two processes, as where thousands of pods come at once (docs/operations.md)."""


@contextmanager
def running_broker(size: Size, *, workers: int = 1, settings: Mapping[str, str] | None = None) -> Iterator[Broker]:
    """A whole installation with the broker's defaults, but for ``settings``, over the world of a size."""
    with _place() as place, temporary_postgres(place) as database_url, Processes(place) as processes:
        cloud = _start_cloud(size, place, processes)
        environment = {
            "CLB_BROKER_DATABASE_URL": database_url,
            "CLB_BROKER_ADMIN_TOKEN": ADMIN_TOKEN,
            "CLB_BROKER_LISTEN": "127.0.0.1:0",
            **(settings or {}),
        }
        credential = {
            "CLB_BROKER_TENCENT_ENDPOINT": cloud.url,
            "CLB_BROKER_TENCENT_SECRET_ID": worlds.SECRET_ID,
            "CLB_BROKER_TENCENT_SECRET_KEY": worlds.SECRET_KEY,
        }
        processes.start("migrate", environment=environment, ready="migrate:")
        url = processes.start("serve", environment=environment, ready="listening on").split()[-1]
        for part in WORKER_PARTS * workers:
            mine = {**environment, **credential, "CLB_BROKER_WORKER_PART": part}
            processes.start("worker", environment=mine, ready="works for")
        broker = Broker(url, cloud)
        broker.set_the_table(size)
        yield broker


def at_once(work: Callable[[Any], None], items: Sequence[Any], hands: int = HANDS) -> None:
    """Do ``work`` for all ``items``, several at a time; the first error is raised."""
    with ThreadPoolExecutor(hands) as pool:
        list(pool.map(work, items))


def wait_for(what: str, look: Callable[[], bool], every: float = 0.1) -> None:
    """Look until it is so. Raises `Unfinished`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise Unfinished(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}")
        time.sleep(every)


@contextmanager
def _place() -> Iterator[Path]:
    with TemporaryDirectory(prefix="clb-broker-bench-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        place.chmod(0o755)  # the embedded Postgres drops its rights and must still reach its data
        yield place


def _start_cloud(size: Size, place: Path, processes: Processes) -> Cloud:
    path = place / "world.yaml"
    path.write_text(json.dumps(worlds.world(size)))
    verb = ("simulator", "--world", str(path), "--listen", "127.0.0.1:0")
    line = processes.start(*verb, environment={}, ready="listening on")
    return Cloud(line.split("listening on ")[1].split()[0])
