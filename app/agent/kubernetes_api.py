"""The Kubernetes API through the official client, at its lowest level: requests and raw JSON.

The client brings what is hard to get right: kubeconfig and in-cluster configuration, tokens that rotate, TLS. Its typed
calls stay out: importing the core group alone takes 21 MB, and model objects several times what is kept of them here.
"""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import urllib3
from kubernetes import client, config
from kubernetes.watch.watch import iter_resp_lines

from app.agent import metrics
from app.agent.errors import CallTemporary, NotLeading, VersionGone, error_of
from app.domain.errors import SettingError

Json = dict[str, Any]

ANSWER_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 5.0
WATCH_SECONDS: Final = 300
"""How long one watch may last before the server ends it; the client waits a little longer for a sign of life."""

PAGE: Final = 25
"""Objects in one page of a list: a pod takes 5 to 15 kB as JSON, and ten times that while it is parsed."""

CONNECTIONS: Final = 24
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True)
class Resource:
    """What can be listed and watched: where it is served, and which of it is of interest."""

    plural: str
    group_path: str
    label_selector: str | None = None
    field_selector: str | None = None


SERVICES: Final = Resource("services", "/api/v1")
SLICES: Final = Resource("endpointslices", "/apis/discovery.k8s.io/v1", label_selector="kubernetes.io/service-name")
PODS: Final = Resource("pods", "/api/v1", field_selector="status.phase!=Succeeded,status.phase!=Failed")
"""Pods that ended for good are left out: one that ends is DELETED from the watch, as one that goes."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; ``proceed`` is the token of the next one, None after the last."""

    items: list[Json]
    resource_version: str
    proceed: str | None


class Watch:
    """One watch: events as (type, object), until the server ends it or somebody calls `stop`."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def events(self) -> Iterator[tuple[str, Json]]:
        """What happens, bookmarks included. Raises `VersionGone` where the watch is too old, `CallTemporary`."""
        try:
            for line in iter_resp_lines(self._response):
                if line:
                    yield _event(line)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise CallTemporary(f"the watch broke off: {type(error).__name__}") from error
        finally:
            self._response.close()
            self._response.release_conn()

    def stop(self) -> None:
        """End it from another thread, which a read that blocks would not notice otherwise."""
        try:
            held = getattr(getattr(self._response, "connection", None), "sock", None)
            if held is not None:
                held.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was quicker


class KubernetesApi:
    """Lists and watches for any replica; writes for the leader only. For any number of threads."""

    def __init__(self, api_client: client.ApiClient, may_write: Callable[[], bool]) -> None:
        self.client = api_client
        self._may_write = may_write

    def list_page(self, resource: Resource, namespace: str | None, proceed: str | None = None) -> Page:
        """One page, as new as the store itself (no resourceVersion is asked for). Raises `CallFailed`."""
        query = [*_selectors(resource), ("limit", str(PAGE)), *([("continue", proceed)] if proceed else [])]
        found = self._json("GET", _collection(resource, namespace), query)
        metadata = found.get("metadata") or {}
        return Page(found.get("items") or [], metadata.get("resourceVersion", ""), metadata.get("continue") or None)

    def watch(self, resource: Resource, namespace: str | None, resource_version: str) -> Watch:
        """What happens after ``resource_version``. Raises `CallFailed`."""
        query = [
            *_selectors(resource),
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", resource_version),
            ("timeoutSeconds", str(WATCH_SECONDS)),
        ]
        seconds = (CONNECT_SECONDS, WATCH_SECONDS + ANSWER_SECONDS)
        return Watch(self._send("GET", _collection(resource, namespace), query, None, None, seconds).response)

    def config_map(self, namespace: str, name: str) -> Json:
        """A ConfigMap's entries. Raises `CallFailed`, `ObjectMissing` where there is none."""
        found = self._json("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}", [])
        return found.get("data") or {}

    def patch_pod_condition(self, namespace: str, name: str, uid: str, condition: Json) -> Json:
        """Set one condition of the pod's status, whoever else sets others; the pod as it is then.

        A strategic merge patch: conditions are merged by their type. ``uid`` makes a pod of the same name that came
        meanwhile a `Conflict`. Raises `NotLeading`, `CallFailed`.
        """
        body = {"metadata": {"uid": uid}, "status": {"conditions": [condition]}}
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        return self._write("gate", "PATCH", path, body, STRATEGIC)

    def patch_service_ingress(self, namespace: str, name: str, ingress: list[Json]) -> None:
        """Say where the Service is reached. Raises `NotLeading`, `CallFailed`."""
        body = {"status": {"loadBalancer": {"ingress": ingress}}}
        self._write("ingress", "PATCH", f"/api/v1/namespaces/{namespace}/services/{name}/status", body, MERGE)

    def create_event(self, namespace: str, event: Json) -> None:
        """Write an Event of core/v1. Raises `NotLeading`, `CallFailed`; `Conflict` where one of its name is there."""
        self._write("event", "POST", f"/api/v1/namespaces/{namespace}/events", event, "application/json")

    def patch_event(self, namespace: str, name: str, changes: Json) -> None:
        """Change an Event that is there, for one that happens again. Raises `NotLeading`, `CallFailed`."""
        self._write("event", "PATCH", f"/api/v1/namespaces/{namespace}/events/{name}", changes, MERGE)

    def _write(self, name: str, method: str, path: str, body: Json, content_type: str) -> Json:
        if not self._may_write():
            raise NotLeading("this agent does not lead: nothing is written to Kubernetes")
        return self._json(method, path, [], body, content_type, counted=name)

    def _json(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        body: Json | None = None,
        content_type: str | None = None,
        counted: str | None = None,
    ) -> Json:
        answer = self._send(method, path, query, body, content_type, ANSWER_SECONDS, counted)
        try:
            found = orjson.loads(answer.read())
        except (urllib3.exceptions.HTTPError, orjson.JSONDecodeError) as error:
            raise CallTemporary(f"the answer of Kubernetes broke off: {type(error).__name__}") from error
        return found if isinstance(found, dict) else {}

    def _send(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        body: Json | None,
        content_type: str | None,
        seconds: float | tuple[float, float],
        counted: str | None = None,
    ) -> client.rest.RESTResponse:
        headers = {"Accept": "application/json", **({"Content-Type": content_type} if content_type else {})}
        request = self.client.param_serialize(
            method, path, query_params=query, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            answer = self.client.call_api(*request, _request_timeout=seconds)
            status = answer.status
            content = None if 200 <= status <= 299 else answer.read()
        except (urllib3.exceptions.HTTPError, client.ApiException, OSError) as error:
            _count(counted, "unanswered")
            raise CallTemporary(f"no answer from Kubernetes: {type(error).__name__}") from error
        _count(counted, str(status))
        if content is not None:
            raise error_of(status, *_told(content), answer.headers.get("Retry-After"))
        return answer


def connect(connections: int = CONNECTIONS) -> client.ApiClient:
    """A client by KUBECONFIG where that is set, else by the pod's ServiceAccount, else by ``~/.kube/config``.

    Raises `SettingError` where none of them can be used.
    """
    configuration = client.Configuration()
    try:
        if os.environ.get("KUBECONFIG") or not os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=configuration)
        else:
            config.load_incluster_config(client_configuration=configuration)
    except (config.ConfigException, OSError, ValueError) as error:
        where = os.environ.get("KUBECONFIG") or "this pod's ServiceAccount and ~/.kube/config"
        raise SettingError(f"KUBECONFIG: {where}: {' '.join(str(error).split())}") from error
    configuration.retries = False  # each loop waits in its own way
    configuration.keep_alive = True  # a watch that nobody answers any more is noticed within three minutes
    configuration.connection_pool_maxsize = connections
    return client.ApiClient(configuration)


def _event(line: str) -> tuple[str, Json]:
    event = orjson.loads(line)
    kind, subject = str(event["type"]), event["object"]
    if kind == "ERROR":
        code = int(subject.get("code") or 500)
        reason, message = str(subject.get("reason", "Error")), str(subject.get("message", ""))
        raise VersionGone(code, reason, message) if code == 410 else CallTemporary(f"{code} {reason}: {message}")
    return kind, subject


def _collection(resource: Resource, namespace: str | None) -> str:
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{resource.group_path}{within}/{resource.plural}"


def _selectors(resource: Resource) -> list[tuple[str, str]]:
    named = (("labelSelector", resource.label_selector), ("fieldSelector", resource.field_selector))
    return [(name, selector) for name, selector in named if selector]


def _told(content: bytes) -> tuple[str, str]:
    """Reason and message of a Status; what stands before the API server answers as it likes."""
    try:
        status: Mapping[str, Any] = orjson.loads(content)
        return str(status.get("reason") or "Error"), str(status.get("message") or "")
    except (orjson.JSONDecodeError, AttributeError):
        return "Error", "the answer is no Status of Kubernetes"


def _count(counted: str | None, status: str) -> None:
    if counted is not None:
        metrics.count_write(counted, status)
