"""Questions to a long past over HTTP, on the broker's real processes."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil
import requests
from sqlalchemy.dialects import postgresql

from app.demo.processes import Processes
from app.ledger import held_targets
from app.ledger.embedded import temporary_postgres
from benchmarks.audit.past import ADDRESSES, Past, plan
from benchmarks.bound import percentile
from benchmarks.stage import ADMIN_TOKEN, Http

ASKED: Final = 200
ADDRESS: Final = "10.0.3.17"


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of question: what it asks, and the seconds that each answer took."""

    name: str
    seconds: list[float]

    @property
    def row(self) -> tuple[str, ...]:
        """As a line of a table, in milliseconds."""
        shown = (median(self.seconds), percentile(self.seconds, 0.99), max(self.seconds))
        return self.name, str(len(self.seconds)), *(f"{1000 * each:.1f}" for each in shown)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of many entries: how many, in which kind, in how long, and by how much the server grew, in megabytes."""

    kind: str
    entries: int
    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class LookedBack:
    """What was measured on a past of ``entries`` entries, which takes so many ``gigabytes``."""

    past: Past
    gigabytes: float
    questions: list[Question]
    streams: list[Stream]
    plan: str


def look_back(past: Past, streamed: int) -> LookedBack:
    """Write a past, ask of it, and stream the newest ``streamed`` entries of it."""
    with _stage(past) as (database_url, url, processes):
        http = Http(url, ADMIN_TOKEN)
        yesterday = (datetime.now(UTC) - timedelta(days=1)).replace(hour=10, minute=42, second=0, microsecond=0)
        dice = random.Random(7)
        asked = [(_address(dice), _moment(dice, past)) for _ in range(ASKED)]
        questions = [
            _ask(
                http, f"who had {ADDRESS} at 10:42 yesterday", "/v1/targets", [{"ip": ADDRESS, "at": yesterday}] * ASKED
            ),
            _ask(http, "who had an address at a moment, both at random", "/v1/targets", _named(asked, "ip")),
            _ask(http, "the newest 100 entries of an address", "/v1/history", [{"ip": ip} for ip, _ in asked]),
            _ask(
                http, "100 entries from a moment on", "/v1/history", [{"from": at, "order": "asc"} for _, at in asked]
            ),
        ]
        for number in range(3):
            path = f"/v1/load-balancers/lb-{number}/targets"
            questions.append(
                _ask(http, f"all targets of lb-{number} at a moment", path, [{"at": at} for _, at in asked[:20]])
            )
        server = psutil.Process(processes)
        streams = [_stream(url, kind, streamed, past, server) for kind in ("application/x-ndjson", "text/csv")]
        return LookedBack(past, Past.gigabytes(database_url), questions, streams, _plan(database_url, yesterday))


def _named(asked: list[tuple[str, datetime]], name: str) -> list[dict[str, Any]]:
    return [{name: value, "at": at} for value, at in asked]


def _address(dice: random.Random) -> str:
    life = dice.randrange(ADDRESSES)
    return f"10.{life // 65536}.{life // 256}.{life % 256}"


def _moment(dice: random.Random, past: Past) -> datetime:
    return datetime.now(UTC) - timedelta(days=dice.random() * past.days)


def _ask(http: Http, name: str, path: str, queries: list[dict[str, Any]]) -> Question:
    seconds = []
    for query in queries:
        said = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in query.items()}
        began = time.perf_counter()
        http.ask("GET", path, **said)
        seconds.append(time.perf_counter() - began)
    return Question(name, seconds)


def _stream(url: str, kind: str, entries: int, past: Past, server: psutil.Process) -> Stream:
    since = datetime.now(UTC) - timedelta(days=past.days * entries / past.entries)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept": kind}
    query = {"from": since.isoformat(), "order": "asc"}
    before, most, lines, began = _resident(server), 0.0, 0, time.perf_counter()
    with requests.get(f"{url}/v1/history", params=query, headers=headers, stream=True, timeout=600) as answer:
        for part in answer.iter_content(1 << 20):
            lines += part.count(b"\n")
            most = max(most, _resident(server))
    return Stream(kind, lines, time.perf_counter() - began, (most - before) / 1e6)


def _resident(server: psutil.Process) -> float:
    return float(sum(each.memory_info().rss for each in (server, *server.children(recursive=True))))


def _plan(database_url: str, at: datetime) -> str:
    statement = held_targets.statement("ip").params(value=ADDRESS, at=at)
    dialect = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]
    return plan(database_url, str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})))


@contextmanager
def _stage(past: Past) -> Iterator[tuple[str, str, int]]:
    with TemporaryDirectory(prefix="clb-broker-bench-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        place.chmod(0o755)  # the embedded Postgres drops its rights and must still reach its data
        with temporary_postgres(place) as database_url, Processes(place) as processes:
            environment = {
                "CLB_BROKER_DATABASE_URL": database_url,
                "CLB_BROKER_ADMIN_TOKEN": ADMIN_TOKEN,
                "CLB_BROKER_LISTEN": "127.0.0.1:0",
            }
            processes.start("migrate", environment=environment, ready="migrate:")
            past.write(database_url)
            url = processes.start("serve", environment=environment, ready="listening on").split()[-1]
            yield database_url, url, _listener(url)


def _listener(url: str) -> int:
    port = int(url.rpartition(":")[2])
    found = [each.pid for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == port]
    family = [each for each in found if each is not None and psutil.Process(each).parent() is not None]
    return int(min(family))
