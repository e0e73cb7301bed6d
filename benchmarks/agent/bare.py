"""What anybody would need at the least: two small clients that keep nothing, decide nothing and know nothing of faults.

`python -m benchmarks.agent.bare relay KUBERNETES BROKER`: watches pods, and posts an event for each that becomes ready,
one request after the other. `... restart KUBERNETES BROKER TOKEN`: lists Services, slices and pods once, puts the full
truth about each Service, and ends. Both print a line when they are ready, the latter with how many answers it had.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


def relay(kubernetes: str, broker: str) -> None:
    """Tell of every pod that becomes ready, for ever."""
    listed = _asked(_connection(kubernetes), "GET", "/api/v1/pods")
    ready = {each["metadata"]["name"]: _is_ready(each) for each in listed["items"]}
    api, there = _connection(kubernetes), _connection(broker)
    api.request("GET", f"/api/v1/pods?watch=true&resourceVersion={listed['metadata']['resourceVersion']}")
    answer = api.getresponse()
    print("bare: watches", flush=True)
    while line := answer.readline():
        pod = json.loads(line)["object"]
        name = pod["metadata"]["name"]
        if _is_ready(pod) and not ready.get(name):
            event = {**_entry(pod, "lb-0"), "event_id": name, "type": "bind", "revision": 1, "service": None}
            _asked(there, "POST", "/v1/clusters/bare/pod-events", {"events": [event]})
        ready[name] = _is_ready(pod)


def restart(kubernetes: str, broker: str, token: str) -> None:
    """Tell the full truth once."""
    api, there = _connection(kubernetes), _connection(broker)
    services = _asked(api, "GET", "/api/v1/services")["items"]
    slices = _asked(api, "GET", "/apis/discovery.k8s.io/v1/endpointslices")["items"]
    listed = _asked(api, "GET", "/api/v1/pods")
    pods = {each["metadata"]["uid"]: each for each in listed["items"]}
    outcomes: Counter[str] = Counter()
    for service in services:
        targets = list(_targets(service, slices, pods))
        path = f"/v1/clusters/cls-0/services/{service['metadata']['namespace']}/{service['metadata']['name']}/targets"
        body = {"revision": int(listed["metadata"]["resourceVersion"]), "targets": targets}
        answer = _asked(there, "PUT", path, body, token)
        outcomes.update(each["outcome"] for each in answer["results"])
    print(f"bare: told {dict(outcomes)}", flush=True)


def _targets(service: Json, slices: list[Json], pods: Mapping[str, Json]) -> Iterator[Json]:
    metadata = service["metadata"]
    load_balancer_id = metadata["annotations"]["service.kubernetes.io/tke-existed-lbid"]
    for each in slices:
        if each["metadata"]["labels"]["kubernetes.io/service-name"] == metadata["name"]:
            yield from (_entry(pods[one["targetRef"]["uid"]], load_balancer_id) for one in each["endpoints"])


def _entry(pod: Json, load_balancer_id: str) -> Json:
    metadata, status = pod["metadata"], pod["status"]
    named = {name: metadata[name] for name in ("namespace", "name", "uid")}
    owner = metadata["ownerReferences"][0]["name"].rsplit("-", 1)[0]
    return {
        "pod": {**named, "ip": status["podIP"], "node": status["hostIP"]},
        "workload": {"kind": "Deployment", "name": owner},
        "network_mode": "vpc-cni",
        "target": {
            "load_balancer_id": load_balancer_id,
            "protocol": "TCP",
            "listener_port": 80,
            "port": 8080,
            "weight": 10,
        },
    }


def _is_ready(pod: Json) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(each["type"] == "ContainersReady" and each["status"] == "True" for each in conditions)


def _connection(url: str) -> HTTPConnection:
    place = urlsplit(url)
    return HTTPConnection(place.hostname or "", place.port)


def _asked(connection: HTTPConnection, method: str, path: str, body: object = None, token: str = "") -> Json:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")
    found: Json = json.loads(content)
    return found


if __name__ == "__main__":
    verb, *given = sys.argv[1:]
    if verb == "relay":
        relay(*given)
    else:
        restart(*given)
