"""The Services that the webhook knows."""

from app.agent.admission.known_services import KnownServices
from app.agent.deciding.gate_injection import GatingService
from app.agent.deciding.objects import ObjectKey


def _service(namespace: str, name: str = "web", *, direct_access: bool = True) -> GatingService:
    return GatingService(ObjectKey(namespace, name), direct_access, (("app", name),), opted_out=False)


def test_it_is_ready_when_every_list_was_read_once() -> None:
    known = KnownServices(["shop", "billing"])
    known.sink("shop").replace([_service("shop")], "5")
    assert known.unready() is not None
    known.sink("billing").replace([], "6")
    assert known.unready() is None


def test_only_direct_access_services_are_kept() -> None:
    known = KnownServices([None])
    sink = known.sink(None)
    sink.replace([_service("shop"), _service("shop", "plain", direct_access=False), _service("billing")], "5")
    assert known.of("shop") == (_service("shop"),)
    sink.put(_service("shop", direct_access=False))
    assert known.of("shop") == ()
    sink.put(_service("shop"))
    sink.advance("9")
    assert known.of("shop") == (_service("shop"),)
    sink.remove(_service("shop"))
    assert (known.of("shop"), known.of("billing")) == ((), (_service("billing"),))


def test_a_new_list_replaces_what_was_known_of_its_namespaces_alone() -> None:
    known = KnownServices(["shop", "billing"])
    known.sink("shop").replace([_service("shop")], "5")
    known.sink("billing").replace([_service("billing")], "5")
    known.sink("shop").replace([_service("shop", "api")], "9")
    assert known.of("shop") == (_service("shop", "api"),)
    assert known.of("billing") == (_service("billing"),)
    of_all = KnownServices([None])
    of_all.sink(None).replace([_service("shop")], "5")
    of_all.sink(None).replace([_service("billing")], "9")
    assert of_all.of("shop") == ()
