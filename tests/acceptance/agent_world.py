"""A world for agents: the usual two clusters, health checks that are quick, and a listener for every story."""

from typing import Any

from tests.acceptance.world import world

HEALTH_SECONDS = 0.5
LISTENERS = 16


def agent_world(**parameters: Any) -> dict[str, Any]:
    """`lb-near` is in the VPC of cls-a, `lb-far` in that of cls-b; listener `lbl-near-N` is TCP:8000+N, and so on."""
    found = world(health_seconds=HEALTH_SECONDS, **parameters)
    found["load_balancers"] = [_load_balancer("near", "vpc-a", 11), _load_balancer("far", "vpc-b", 12)]
    return found


def _load_balancer(name: str, vpc_id: str, number: int) -> dict[str, Any]:
    listeners = [
        {"listener_id": f"lbl-{name}-{each}", "protocol": "TCP", "port": 8000 + each} for each in range(1, LISTENERS)
    ]
    return {
        "load_balancer_id": f"lb-{name}",
        "vpc_id": vpc_id,
        "vips": [f"203.0.113.{number}"],
        "snat_pro": True,
        "listeners": listeners,
    }
