"""A running installation under trouble: clients that ask until they are answered, and the three histories of it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import requests
from psycopg.rows import dict_row

from app.demo.processes import line_with
from tests.acceptance.installation import Installation
from tests.chaos.histories import (
    Call,
    Change,
    Entry,
    Heard,
    History,
    Kept,
    Operation,
    Place,
    Probe,
    Row,
    Terms,
)
from tests.chaos.pulse import Pulse
from tests.chaos.told import Told, snapshot_of, word_of
from tests.chaos.world import CLUSTERS, SECRET, Scale, world

SETTINGS = {
    "CLB_BROKER_DRAIN_SECONDS": "1",
    "CLB_BROKER_LEASE_SECONDS": "3",
    "CLB_BROKER_CLOUD_TIMEOUT_SECONDS": "1",
}
LOOKS = ("CLB_BROKER_SWEEP_SECONDS", "CLB_BROKER_REVERIFY_SECONDS", "CLB_BROKER_TOPOLOGY_SECONDS")
LEASE_SECONDS = 3.0
WORKERS = ("worker-1", "worker-2")
USUAL = Scale()


class Plant(Installation):
    """An installation with two workers, whose processes can be stopped and started, and whose clients take notes.

    ``mistake`` starts the workers (or, for one, the API) with a known mistake put back, see `tests.chaos.mistakes`.
    """

    def __init__(
        self, place: Path, mistake: str | None = None, *, in_the_api: bool = False, scale: Scale = USUAL
    ) -> None:
        looks = dict.fromkeys(LOOKS, str(scale.look_seconds))
        super().__init__(place, world(scale.load_balancers), **SETTINGS, **looks)
        self.terms = terms(scale)
        self._load_balancers = scale.load_balancers
        self.mistake = mistake
        self._mistaken_api = in_the_api
        self._has_ledger = False
        self.moving = threading.RLock()
        """Held while workers are ended and started: two faults may want the same one."""
        self.told = Told()
        self.pulse = Pulse(lambda: [each.pid for name, each in list(self._processes.items()) if name in WORKERS])
        self._cursors: dict[str, str | None] = dict.fromkeys(CLUSTERS)

    def __enter__(self) -> Self:
        super().__enter__()
        self.pulse.start()
        try:
            self.set_the_table(CLUSTERS, self._load_balancers)
            for name in WORKERS:
                self.start(name)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pulse.end()
        super().__exit__(kind, error, trace)

    def start(self, verb: str) -> None:
        """As in `Installation`, with the mistake where there is one. An API without a ledger is not waited for."""
        mistaken = self.mistake is not None and (verb != "serve" or self._mistaken_api)
        command = ["tests.chaos.mistakes", str(self.mistake), verb] if mistaken else ["app", verb.partition("-")[0]]
        with (self._place / f"{verb}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**self._environment, "CLB_BROKER_LISTEN": self.url.removeprefix("http://") or "127.0.0.1:0"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        line = line_with(process, "listening on" if verb == "serve" else "works for")
        assert line is not None, self.log(verb)[-3000:]
        self._processes[verb] = process
        if verb == "serve":
            self.url = line.split()[-1]
            self.wait_for("the API", lambda: not self._has_ledger or self._get_status("/readyz") == 200)

    def start_postgres(self) -> None:
        """As in `Installation`."""
        super().start_postgres()
        self._has_ledger = True

    def kill_postgres(self) -> None:
        """As in `Installation`."""
        self._has_ledger = False
        super().kill_postgres()

    def runs(self, verb: str) -> bool:
        """Whether the process was started and not yet ended."""
        return verb in self._processes

    def signal(self, verb: str, number: signal.Signals) -> None:
        """Send a signal to the process and its children, where it still runs."""
        with suppress(KeyError, ProcessLookupError):
            os.killpg(self._processes[verb].pid, number)

    @property
    def database_url(self) -> str:
        """The libpq URI of the ledger."""
        return self._environment["CLB_BROKER_DATABASE_URL"]

    def say(self, cluster_id: str, events: Sequence[dict[str, Any]]) -> None:
        """Post events until they are answered, and note the answers. Raises for an answer that no agent may get."""
        words = [word_of(cluster_id, event, time.time()) for event in events]
        results: list[Any] = self._until_answered("post", f"/v1/clusters/{cluster_id}/pod-events", {"events": events})[
            "results"
        ]
        now = time.time()
        self.told.words += [
            replace(
                word, answered_at=now, outcome=result["outcome"], code=result["code"], binding_id=result["binding_id"]
            )
            for word, result in zip(words, results, strict=True)
        ]

    def show(self, cluster_id: str, revision: int, entries: Sequence[dict[str, Any]]) -> None:
        """Send the full truth for the cluster's only Service."""
        snapshot = snapshot_of(cluster_id, revision, entries, time.time())
        path = f"/v1/clusters/{cluster_id}/services/shop/web/targets"
        self._until_answered("put", path, {"revision": revision, "targets": list(entries)})
        self.told.snapshots.append(replace(snapshot, answered_at=time.time()))

    def probe(self) -> None:
        """Ask without the right to ask; what comes back is noted."""
        body = {"events": []}
        for name, cluster_id, token in (
            ("no token", "cls-a", ""),
            ("bad token", "cls-a", "nonsense"),
            ("other cluster", "cls-a", self._tokens["cls-b"]),
        ):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            status: int | None = None
            with suppress(requests.RequestException):
                url = f"{self.url}/v1/clusters/{cluster_id}/pod-events"
                status = requests.post(url, json=body, headers=headers, timeout=10, proxies={"http": ""}).status_code
            self.told.probes.append(Probe(name, status))

    def follow(self, cluster_id: str, *, to_the_end: bool = False) -> None:
        """Read on in the cluster's changes: one page, or all there is; without an answer nothing is read."""
        while True:
            query = {"limit": 50, **({"after": self._cursors[cluster_id]} if self._cursors[cluster_id] else {})}
            try:
                answer = requests.get(
                    f"{self.url}/v1/clusters/{cluster_id}/changes",
                    params=query,
                    headers={"Authorization": f"Bearer {self._tokens[cluster_id]}"},
                    timeout=10,
                    proxies={"http": ""},
                )
            except requests.RequestException:
                return
            if answer.status_code != 200:
                return
            page = answer.json()
            self.told.heard += [Heard(cluster_id, item["binding_id"], item["state"]) for item in page["items"]]
            self._cursors[cluster_id] = page["next_cursor"]
            if not to_the_end or not page["items"]:
                return

    def history(self, at_rest: float | None = None, *, whole: bool = True) -> History:
        """All three histories as they are now; without ``whole`` only what convergence is judged by."""
        told = self.told
        found = History(
            words=tuple(told.words),
            snapshots=tuple(told.snapshots),
            heard=tuple(told.heard),
            probes=tuple(told.probes),
            troubles=tuple(told.troubles),
            stalls=tuple(self.pulse.stalls),
            owners=dict(told.owners),
            doubted=dict(told.doubted),
            targets={_at(row): row["weight"] for row in self.simulator.targets()},
            changes=tuple(_change(row) for row in self.simulator.changes),
            rows=tuple(self._rows()),
            at_rest=at_rest,
            ended_at=time.time(),
            terms=self.terms,
        )
        if not whole:
            return found
        calls = [row for row in self.simulator.calls if row["secret_id"] == SECRET["secret_id"]]
        return replace(
            found,
            calls=tuple(map(_call, calls)),
            entries=tuple(self._entries()),
            operations=tuple(self._operations()),
            kept=tuple(self._kept()),
        )

    def unfinished(self) -> bool:
        """Whether some write has no outcome yet."""
        return bool(list(self._select("SELECT 1 FROM cloud_operations WHERE outcome IS NULL LIMIT 1")))

    def _until_answered(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._tokens[path.split('/')[3]]}"}

        def ask() -> Any:
            try:
                answer = requests.request(
                    method, f"{self.url}{path}", json=body, headers=headers, timeout=30, proxies={"http": ""}
                )
            except requests.RequestException:
                return None
            if answer.status_code == 503:
                return None
            assert answer.status_code in {200, 202}, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            return answer.json()

        return self.wait_for(f"an answer to {method} {path}", ask, 120)

    def _select(self, statement: str) -> Iterator[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            yield from connection.execute(statement).fetchall()

    def _rows(self) -> Iterator[Row]:
        for row in self._select("SELECT * FROM bindings"):
            place = _kept_place(row)
            yield Row(
                row["binding_id"],
                row["cluster_id"],
                row["pod_uid"],
                place,
                row["state"],
                row["weight"],
                row["reason"],
                row["placed"],
                row["holder"],
            )

    def _entries(self) -> Iterator[Entry]:
        for row in self._select("SELECT * FROM journal WHERE binding_id IS NOT NULL ORDER BY sequence"):
            names = ("actor", "action", "binding_id", "cluster_id", "pod_uid")
            place = Place(row["load_balancer_id"], row["listener_id"] or "", row["ip"], row["port"])
            told = tuple(row[name] for name in names)
            more = (row["from_state"], row["to_state"], row["reason"], row["event_id"])
            yield Entry(row["sequence"], row["recorded_at"].timestamp(), *told, place, *more)

    def _operations(self) -> Iterator[Operation]:
        for row in self._select("SELECT * FROM cloud_operations ORDER BY operation_id"):
            targets = tuple(
                (Place(row["load_balancer_id"], each["listener_id"], each["ip"], each["port"]), each["binding_id"])
                for each in row["targets"]
            )
            yield Operation(
                row["operation_id"],
                row["load_balancer_id"],
                row["action"],
                targets,
                row["incarnation"],
                row["epoch"],
                row["intended_at"].timestamp(),
                row["outcome"],
                row["finished_at"].timestamp() if row["finished_at"] else None,
                row["cloud_request_id"],
            )

    def _kept(self) -> Iterator[Kept]:
        for row in self._select("SELECT cluster_id, event_id, outcome, binding_id FROM events"):
            yield Kept(**row)


def terms(scale: Scale) -> Terms:
    """The bounds D and B for the settings above: a period, a drain or a lease, and half a minute for calls in turn."""
    return Terms(cloud_timeout=1.0, right_target=scale.look_seconds + 1 + 30, converge=3 + scale.look_seconds + 30)


@contextmanager
def fresh_place() -> Iterator[Path]:
    """A directory for a plant, which the embedded Postgres can reach without rights; it goes with the context."""
    place = Path(tempfile.mkdtemp(prefix="clb-broker-chaos-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _kept_place(row: dict[str, Any]) -> Place:
    listener_id = row["listener_id"] or row["target"].get("listener_id") or ""
    return Place(row["load_balancer_id"], listener_id, row["ip"], row["port"])


def _at(row: dict[str, Any]) -> Place:
    return Place(row["load_balancer_id"], row["listener_id"], row["ip"], row["port"])


def _change(row: dict[str, Any]) -> Change:
    return Change(row["at"], row["kind"], _at(row), row["weight"], row["cause"])


def _call(row: dict[str, Any]) -> Call:
    asked = row["parameters"] or {}
    entries = asked.get("Targets") if isinstance(asked.get("Targets"), list) else []
    for rule in asked.get("ModifyList") or []:
        entries = [*entries, *({**each, "ListenerId": rule.get("ListenerId")} for each in rule.get("Targets") or [])]
    name = row["load_balancer_id"]
    places = frozenset(
        Place(name, each["ListenerId"], each["EniIp"], each["Port"])
        for each in entries
        if {"ListenerId", "EniIp", "Port"} <= each.keys()
    )
    return Call(
        row["request_id"],
        row["action"],
        name,
        row["received_at"],
        row["finished_at"],
        row["code"],
        row["changed"],
        places,
        row["target_count"],
    )
