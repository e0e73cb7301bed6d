"""Mutating admission: registered webhooks are called over HTTPS before a pod is stored.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/. Creations only.
"""

import base64
import http.client
import json
import socket
import ssl
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from app.simulator.kubernetes import selectors
from app.simulator.kubernetes.errors import Refusal
from app.simulator.kubernetes.patches import json_patched
from app.simulator.kubernetes.resources import NAMESPACES, WEBHOOKS, Object, Place
from app.simulator.kubernetes.store import Store

Routes = Mapping[tuple[str, str], tuple[str, int]]
"""Where a Service (namespace, name) is reached: there is no network of the cluster's own."""


class Unreachable(Exception):
    """A webhook gave no usable answer."""


class Admission:
    """Asks the webhooks that are registered in the store, one after the other."""

    def __init__(self, routes: Routes) -> None:
        self.store: Store | None = None
        self._routes = routes
        self.failures: list[str] = []
        """What kept webhooks from being heard whose failurePolicy is Ignore."""

    def __call__(self, place: Place, content: Object) -> Object:
        """The object as the webhooks want it. Raises Refusal: theirs, or 500 when one with policy Fail is away."""
        for webhook in self._webhooks(place, content):
            try:
                content = self._asked(webhook, place, content)
            except Unreachable as error:
                told = f'failed calling webhook "{webhook.get("name")}": {error}'
                if webhook.get("failurePolicy", "Fail") != "Ignore":
                    raise Refusal(500, "InternalError", f"Internal error occurred: {told}") from None
                self.failures.append(told)
        return content

    def _webhooks(self, place: Place, content: Object) -> Iterator[Mapping[str, Any]]:
        if self.store is None or place.resource.plural == WEBHOOKS.plural:
            return
        space = self.store.get(NAMESPACES, ("", place.namespace or "")) or {"metadata": {}}
        for _, configuration in self.store.rows(WEBHOOKS):
            for webhook in configuration.get("webhooks") or ():
                wanted = any(_matches(rule, place) for rule in webhook.get("rules") or ())
                if not (wanted and selectors.by_object(webhook.get("objectSelector"))(content)):
                    continue
                if selectors.by_object(webhook.get("namespaceSelector"))(space):
                    yield webhook

    def _asked(self, webhook: Mapping[str, Any], place: Place, content: Object) -> Object:
        review = _review(place, content)
        answer = self._answer(webhook, review)
        if answer.get("uid") != review["request"]["uid"]:
            raise Unreachable("the answer is for another question")
        if answer.get("allowed") is not True:
            status = answer.get("status") or {}
            message = f'admission webhook "{webhook.get("name")}" denied the request: {status.get("message", "")}'
            raise Refusal(int(status.get("code") or 403), str(status.get("reason") or "Forbidden"), message)
        if not answer.get("patch"):
            return content
        if answer.get("patchType") != "JSONPatch":
            raise Unreachable("a patch of type JSONPatch is needed")
        try:
            changed: Object = json_patched(
                json.loads(json.dumps(content)), json.loads(base64.b64decode(answer["patch"]))
            )
        except (ValueError, Refusal) as error:
            raise Unreachable(f"the patch cannot be applied: {error}") from None
        return changed

    def _answer(self, webhook: Mapping[str, Any], review: Object) -> Mapping[str, Any]:
        connection, path = self._connection(webhook["clientConfig"], float(webhook.get("timeoutSeconds") or 10))
        try:
            connection.request("POST", path, json.dumps(review), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            body = json.loads(answer.read())
            if answer.status != 200 or body.get("kind") != "AdmissionReview":
                raise Unreachable(f"the answer is {answer.status} {body.get('kind')}")
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        finally:
            connection.close()
        found: Mapping[str, Any] = body.get("response") or {}
        return found

    def _connection(self, client: Mapping[str, Any], seconds: float) -> tuple[http.client.HTTPSConnection, str]:
        context = ssl.create_default_context()
        try:
            if client.get("caBundle"):
                context = ssl.create_default_context(cadata=base64.b64decode(client["caBundle"]).decode())
        except (ValueError, ssl.SSLError) as error:
            raise Unreachable(f"the caBundle cannot be read: {error}") from None
        if client.get("url"):
            url = urllib.parse.urlsplit(client["url"])
            return http.client.HTTPSConnection(url.netloc, timeout=seconds, context=context), url.path or "/"
        service = client["service"]
        name = (service["namespace"], service["name"])
        if name not in self._routes:
            raise Unreachable(f"no endpoints available for service {'/'.join(name)}")
        host = f"{name[1]}.{name[0]}.svc"
        return _Routed(host, self._routes[name], seconds, context), service.get("path") or "/"


class _Routed(http.client.HTTPSConnection):
    """A connection to where a Service is reached, under the Service's own name."""

    def __init__(self, host: str, address: tuple[str, int], seconds: float, context: ssl.SSLContext) -> None:
        super().__init__(host, timeout=seconds, context=context)
        self._create_connection = lambda _, *rest, **more: _dial(address, *rest, **more)


def _dial(address: tuple[str, int], *rest: Any, **more: Any) -> Any:
    return socket.create_connection(address, *rest, **more)


def _matches(rule: Mapping[str, Any], place: Place) -> bool:
    return (
        any(each in ("*", "CREATE") for each in rule.get("operations", ()))
        and any(each in ("*", place.resource.group) for each in rule.get("apiGroups", ()))
        and any(each in ("*", place.resource.version) for each in rule.get("apiVersions", ()))
        and any(each in ("*", place.resource.plural) for each in rule.get("resources", ()))
        and rule.get("scope", "*") in ("*", "Namespaced" if place.resource.namespaced else "Cluster")
    )


def _review(place: Place, content: Object) -> Object:
    resource = place.resource
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    where = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": str(uuid.uuid4()),
            "kind": kind,
            "resource": where,
            "requestKind": kind,
            "requestResource": where,
            "name": content["metadata"].get("name", ""),
            "namespace": place.namespace,
            "operation": "CREATE",
            "userInfo": {"username": "simulator"},
            "object": content,
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }
