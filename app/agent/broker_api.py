"""The broker over HTTP: pod events, snapshots and changes (README's and openapi.yaml's agent routes).

Every request is sent by the leader only, and with the token as its file has it now. Environment variables for proxies
are not looked at: the broker is reached as it is named.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson
import requests
import structlog

from app.agent import metrics
from app.agent.errors import CallTemporary, NotLeading, error_of
from app.agent.settings import AgentSettings
from app.domain.errors import SettingError
from app.environment import file_stamp, read_secret

log = structlog.get_logger(__name__)

Json = dict[str, Any]

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0
_PAGE: Final = 200
"""Bindings in one page of changes: half a MB, and several times that while it is parsed."""


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """Bindings that changed, in their order, and where to go on."""

    items: list[Json]
    next_cursor: str


class Token:
    """The bearer token; one in a file is read again when the file changes, and kept while it cannot be read."""

    def __init__(self, token: str | None, path: str | None) -> None:
        self._path = path
        self._stamp = file_stamp(path)
        self._token = token or (read_secret(path, "AGENT_TOKEN_FILE") if path else "")

    def current(self) -> str:
        """The token as it is now; a look at the file's stamp."""
        stamp = file_stamp(self._path)
        if self._path is not None and stamp != self._stamp:
            try:
                self._token = read_secret(self._path, "AGENT_TOKEN_FILE")
            except SettingError as error:
                log.warning("token not read again", error=str(error))
            else:
                self._stamp = stamp
                log.info("token read again")
        return self._token


class BrokerApi:
    """Calls to the broker on behalf of one cluster; for any number of threads, each with its own connection."""

    def __init__(self, settings: AgentSettings, may_speak: Callable[[], bool]) -> None:
        self._cluster_url = f"{settings.broker_url}/v1/clusters/{quote(settings.cluster_id, safe='')}"
        self._token = Token(settings.token, settings.token_file)
        self._verify: str | bool = settings.ca_file or True
        self._may_speak = may_speak
        self._own = threading.local()

    def post_pod_events(self, body: Json) -> list[Json]:
        """The results, one per event of ``body`` in the same order. Raises `NotLeading`, `CallFailed`."""
        answer = self._call("POST", f"{self._cluster_url}/pod-events", "pod-events", body)
        return _results(answer, len(body["events"]))

    def put_service_targets(self, namespace: str, name: str, body: Json) -> tuple[list[Json], Json]:
        """Tell the full truth about one Service; one result per target, and the whole answer.

        Raises `NotLeading`, `CallFailed`.
        """
        url = f"{self._cluster_url}/services/{quote(namespace, safe='')}/{quote(name, safe='')}/targets"
        answer = self._call("PUT", url, "snapshot", body)
        return _results(answer, len(body["targets"])), answer

    def changes(self, after: str | None, wait_seconds: int, limit: int = _PAGE) -> ChangesPage:
        """What changed after the cursor, waiting for it up to so long. Raises `NotLeading`, `CallFailed`."""
        query = {"wait": str(wait_seconds), "limit": str(limit), **({"after": after} if after is not None else {})}
        url = f"{self._cluster_url}/changes"
        answer = self._call("GET", url, "changes", None, query, ANSWER_SECONDS + wait_seconds)
        try:
            return ChangesPage(list(answer["items"]), str(answer["next_cursor"]))
        except (KeyError, TypeError) as error:
            raise CallTemporary("the broker's answer is no page of changes") from error

    def _call(
        self,
        method: str,
        url: str,
        name: str,
        body: Json | None,
        query: dict[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Json:
        if not self._may_speak():
            raise NotLeading("this agent does not lead: nothing is sent to the broker")
        headers = {"Authorization": f"Bearer {self._token.current()}", "Content-Type": "application/json"}
        content = None if body is None else orjson.dumps(body)
        try:
            answer = self._session().request(
                method,
                url,
                params=query,
                data=content,
                headers=headers,
                timeout=(CONNECT_SECONDS, seconds),
                verify=self._verify,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            metrics.count_broker_request(name, "unanswered")
            raise CallTemporary(f"no answer from the broker: {type(error).__name__}") from error
        metrics.count_broker_request(name, str(answer.status_code))
        return _json_of(answer)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
            session.trust_env = False
        return session


def _results(answer: Json, expected: int) -> list[Json]:
    results = answer.get("results")
    if not isinstance(results, list) or len(results) != expected:
        raise CallTemporary("the broker's answer has not one result for each target")
    return results


def _json_of(answer: requests.Response) -> Json:
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        found = None
    succeeded = 200 <= answer.status_code <= 299
    if succeeded and isinstance(found, dict):
        return found
    if succeeded:
        raise CallTemporary(f"{answer.status_code}: the answer is not the broker's")
    problem = found if isinstance(found, dict) else {}
    code, detail = str(problem.get("code", "error")), str(problem.get("detail", answer.reason))
    raise error_of(answer.status_code, code, detail, answer.headers.get("Retry-After"))
