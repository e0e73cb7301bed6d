"""What the broker says of bindings of the shop, as it sends it and as it is kept."""

from typing import Any

from app.agent.deciding.reports import Report, report_of


def raw_report(uid: str = "u1", state: str = "bound", health: str = "healthy", **changes: Any) -> dict[str, Any]:
    """A binding of one pod at the TCP target; ``target`` is added to its own."""
    target = {
        "load_balancer_id": "lb-1",
        "listener_id": "lbl-tcp",
        "location_id": None,
        "protocol": "TCP",
        "listener_port": 80,
        "domain": None,
        "url": None,
        "ip": changes.pop("ip", "10.0.3.17"),
        "port": 8080,
        "weight": 10,
    }
    usual = {
        "binding_id": f"b-{uid}",
        "cluster_id": "cls-1",
        "pod": {"namespace": "shop", "name": f"web-{uid}", "uid": uid, "ip": target["ip"], "node": None},
        "workload": None,
        "service": {"namespace": "shop", "name": "web"},
        "network_mode": "vpc-cni",
        "target": target | changes.pop("target", {}),
        "state": state,
        "reason": None,
        "detail": None,
        "health": health,
        "verification": {},
        "revision": 12,
        "created_at": "2026-11-23T08:00:00Z",
        "updated_at": "2026-11-23T08:00:00Z",
        "bound_at": "2026-11-23T08:00:00Z" if state in {"bound", "draining"} else None,
    }
    return usual | changes


def report(uid: str = "u1", state: str = "bound", health: str = "healthy", **changes: Any) -> Report:
    """`raw_report` as it is kept."""
    found = report_of(raw_report(uid, state, health, **changes))
    assert found is not None
    return found
