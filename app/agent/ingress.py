"""The Service's ``status.loadBalancer.ingress``, where the platform's own controller does not write it."""

from typing import Any

import structlog

from app.agent.deciding.annotations import wish_of
from app.agent.deciding.documents import Unreadable
from app.agent.deciding.objects import ObjectKey
from app.agent.errors import ObjectMissing
from app.agent.kubernetes_api import Json, KubernetesApi
from app.agent.view import View
from app.agent.writes import Writes

log = structlog.get_logger(__name__)


class Ingress:
    """Writes a load balancer's addresses into the status of Services that are left to us by ``mode: skip``."""

    def __init__(self, api: KubernetesApi, view: View, writes: Writes) -> None:
        self._api = api
        self._view = view
        self._writes = writes

    def told(self, key: ObjectKey, answer: Json) -> None:
        """Take the broker's answer to a Service's snapshot; older brokers name no load balancers in it."""
        addresses = self._wanted(key, answer)
        if addresses:
            self._writes.put(("ingress", key), lambda: self._write(key, addresses))

    def _wanted(self, key: ObjectKey, answer: Json) -> tuple[str, ...]:
        service = self._view.service(key)
        if service is None:
            return ()
        try:
            wish = wish_of(service)
        except Unreadable:
            return ()  # its problem is told elsewhere
        if wish is None or not wish.platform_stands_aside:
            return ()
        addresses = _vips(answer, wish.load_balancer_id)
        return () if set(addresses) == set(service.ingress) else addresses

    def _write(self, key: ObjectKey, addresses: tuple[str, ...]) -> None:
        try:
            self._api.patch_service_ingress(key.namespace, key.name, [{"ip": each} for each in addresses])
        except ObjectMissing:
            return
        log.info("ingress written", service=str(key), addresses=addresses)


def _vips(answer: Json, load_balancer_id: str) -> tuple[str, ...]:
    listed: Any = answer.get("load_balancers")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and each.get("load_balancer_id") == load_balancer_id:
            return tuple(str(vip) for vip in each.get("vips") or ())
    return ()
