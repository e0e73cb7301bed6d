"""A call's turn is waited for at the last moment: connected, signed and ready to leave."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tencentcloud.common.sign import Sign

from app.agent.admission.certificates import issue
from app.cloud.client import Client
from app.cloud.sending import _send_at_once, held_back, wait_to_leave
from app.domain.errors import CloudAmbiguous, CloudNotSent, LedgerUnavailable
from app.metrics import WORKER
from app.simulator.server import Simulator
from tests.cloud.conftest import Slots, actions, client_of, wait_for
from tests.cloud.stub import Stub
from tests.cloud.test_client import READ, raised_by, read

ANSWER = b'{"Response": {"RequestId": "r-1"}}'
OURS_IS_ACKNOWLEDGED = 5
"""TCP_FIN_WAIT2 of Linux: the other side has received that we hang up."""

Counted = Callable[[], tuple[float, float, float]]


def counting(result: str) -> Counted:
    """How many calls to READ had this result since, how many were timed, and how many waited for a turn."""
    names: tuple[tuple[str, dict[str, str]], ...] = (
        ("clb_broker_cloud_calls_total", {"account": "default", "action": READ, "result": result}),
        ("clb_broker_cloud_call_seconds_count", {"action": READ}),
        ("clb_broker_budget_wait_seconds_count", {"action": READ}),
    )

    def values() -> list[float]:
        return [WORKER.get_sample_value(name, labels) or 0.0 for name, labels in names]

    before = values()

    def since() -> tuple[float, float, float]:
        calls, timed, waited = (now - then for now, then in zip(values(), before, strict=True))
        return calls, timed, waited

    return since


def hang_up(connection: socket.socket) -> None:
    """Close our side, and wait until the other side knows."""
    connection.shutdown(socket.SHUT_WR)
    wait_for(lambda: connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == OURS_IS_ACKNOWLEDGED)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield listening


def at(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_turn_is_asked_for_when_the_call_is_connected_and_signed_and_nothing_of_it_has_left(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sign = Sign.sign_tc3
    monkeypatch.setattr(Sign, "sign_tc3", lambda *given: done.append("signed") or sign(*given))

    def look(*_: str) -> None:
        done.append("turn")
        connection, _ = listener.accept()
        with connection:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
        raise LedgerUnavailable("seen enough")

    with pytest.raises(LedgerUnavailable):
        read(client_of(at(listener), look))
    assert done == ["signed", "turn"]


def test_a_cloud_that_cannot_be_reached_is_asked_no_turn_for(slots: Slots) -> None:
    counted = counting("ambiguous")
    nowhere = client_of("http://127.0.0.1:1", lambda *slot: slots.append(slot))
    assert isinstance(raised_by(lambda: read(nowhere)), CloudAmbiguous)
    assert slots == []
    assert counted() == (1, 1, 0)


def test_a_call_that_the_sdk_cannot_write_out_takes_no_turn(client: Client, slots: Slots) -> None:
    assert isinstance(raised_by(lambda: client.call("clb", READ, {"LoadBalancerId": object()})), CloudAmbiguous)
    assert slots == []


def test_calls_over_one_connection_take_a_turn_each(client: Client, slots: Slots) -> None:
    counted = counting("ok")
    read(client)
    read(client)
    assert len(slots) == 2
    assert counted() == (2, 2, 2)


def test_a_connection_that_is_dropped_while_its_call_waits_is_replaced_and_the_call_takes_another_turn(
    client: Client, simulator: Simulator, slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(client)
    counted = counting("ok")
    monkeypatch.setattr("app.cloud.sending._is_dropped", lambda _: True)
    assert read(client)["Listeners"]
    assert len(slots) == 3
    assert actions(simulator) == [READ, READ]
    assert counted() == (1, 1, 1)


def test_the_cloud_hanging_up_on_a_waiting_call_is_noticed(listener: socket.socket) -> None:
    turns: list[socket.socket] = []

    def wait(*_: str) -> None:
        connection, _ = listener.accept()
        with connection:
            turns.append(connection)
            if len(turns) == 2:
                raise LedgerUnavailable("not another time")
            hang_up(connection)

    with pytest.raises(LedgerUnavailable):
        read(client_of(at(listener), wait))
    assert len(turns) == 2


@pytest.mark.parametrize("taken", [0, 10])
def test_what_the_kernel_does_not_take_at_once_is_sent_after_it_without_another_turn(
    client: Client, simulator: Simulator, slots: Slots, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    monkeypatch.setattr("app.cloud.sending._send_at_once", lambda sock, request: sock.send(request[:taken]))
    assert read(client)["Listeners"]
    assert (len(slots), actions(simulator)) == (1, [READ])


def test_a_kernel_that_is_full_takes_nothing_at_once() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                near.send(bytes(65536))
        assert _send_at_once(near, b"more") == 0


@pytest.mark.parametrize("kind", [LedgerUnavailable, ZeroDivisionError])
def test_what_the_budget_raises_comes_out_as_it_is_and_is_no_call(simulator: Simulator, kind: type[Exception]) -> None:
    error, cause = kind("no turn"), OSError("why")
    counted = counting("ambiguous")

    def refuse(*_: str) -> None:
        raise error from cause

    with pytest.raises(kind) as raised:
        read(client_of(simulator.endpoint, refuse))
    assert raised.value is error
    assert error.__cause__ is cause
    assert simulator.calls == []
    assert counted() == (0, 0, 0)


def test_after_a_turn_that_could_not_be_had_the_next_call_goes_as_ever(simulator: Simulator) -> None:
    troubles = [LedgerUnavailable("no turn")]

    def budget(*_: str) -> None:
        if troubles:
            raise troubles.pop()

    client = client_of(simulator.endpoint, budget)
    with pytest.raises(LedgerUnavailable):
        read(client)
    assert read(client)["Listeners"]


def test_a_call_whose_time_passes_while_it_waits_is_counted_as_not_sent_and_not_timed(
    client: Client, simulator: Simulator
) -> None:
    counted = counting("not-sent")
    error = raised_by(lambda: client.call("clb", READ, {"LoadBalancerId": "lb-1"}, send_before=0.0))
    assert isinstance(error, CloudNotSent)
    assert str(error) == f"NotSent: {READ}: its time had passed"
    assert simulator.calls == []
    assert counted() == (1, 0, 1)


def test_threads_that_wait_at_once_over_one_client_wait_each_for_its_own_turn(
    client: Client, simulator: Simulator
) -> None:
    sdk = client._services["clb"]
    together = threading.Barrier(4)
    waited: list[tuple[int, int]] = []

    def wait(mine: int) -> None:
        together.wait(60)
        waited.append((mine, threading.get_ident()))

    def call() -> None:
        with held_back(partial(wait, threading.get_ident())):
            sdk.call_json(READ, {"LoadBalancerId": "lb-1"})

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(waited) == len({mine for mine, _ in waited}) == 4
    assert all(mine == waiting for mine, waiting in waited)
    assert len(simulator.calls) == 4


def test_nothing_waits_outside(client: Client) -> None:
    turns: list[str] = []
    with held_back(lambda: turns.append("turn")):
        wait_to_leave()
    wait_to_leave()
    client._services["clb"].call_json(READ, {"LoadBalancerId": "lb-1"})
    assert turns == ["turn"]


class SecureStub(Stub):
    """A stub behind TLS, and behind a proxy's tunnel where it is told so; hangs up on the first ``drops``."""

    def __init__(self, context: ssl.SSLContext, *, drops: int = 0, tunnel: bool = False) -> None:
        self._context = context
        self._drops = drops
        self._tunnel = tunnel
        self.secured = threading.Semaphore(0)
        """Counts connections that stand, or were hung up on."""
        head = f"HTTP/1.1 200 So\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n"
        super().__init__(f"{head}Connection: close\r\n\r\n".encode() + ANSWER, lingers=False)

    def _serve_one(self, connection: socket.socket) -> None:
        if self._tunnel:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(1)
            assert head.startswith(b"CONNECT cloud.example:443 ")
            connection.sendall(b"HTTP/1.1 200 So\r\n\r\n")
        with self._context.wrap_socket(connection, server_side=True) as secured:
            if self._drops:
                self._drops -= 1
                hang_up(secured)
                self.secured.release()
            else:
                self.secured.release()
                super()._serve_one(secured)


class Chance:
    def key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    def serial(self) -> int:
        return x509.random_serial_number()


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """The authorities that a client shall trust, and the server's side; TLS 1.3, whose sessions begin with tickets."""
    made = issue(("localhost", "cloud.example"), datetime.now(UTC), 1, Chance())
    place = tmp_path_factory.mktemp("tls")
    for name in ("authorities", "chain", "key"):
        (place / name).write_bytes(getattr(made, name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(place / "chain", place / "key")
    return place / "authorities", context


def read_securely(stub: SecureStub, endpoint: str, authorities: Path) -> tuple[dict[str, Any], int]:
    """The answer, and how many turns were taken, each after the connection stood."""
    turns: list[tuple[str, ...]] = []

    def wait(*key: str) -> None:
        assert stub.secured.acquire(timeout=60)
        turns.append(key)

    client = client_of(endpoint, wait)
    client._services["clb"].request.conn.certification = str(authorities)
    return read(client), len(turns)


@pytest.mark.parametrize(("drops", "turns"), [(0, 1), (1, 2)])
def test_the_tickets_of_a_new_secure_connection_are_no_hanging_up_and_a_hanging_up_is_one(
    trusted: tuple[Path, ssl.SSLContext], drops: int, turns: int
) -> None:
    authorities, context = trusted
    stub = SecureStub(context, drops=drops)
    try:
        endpoint = stub.endpoint.replace("http://127.0.0.1", "https://localhost")
        assert read_securely(stub, endpoint, authorities) == ({"RequestId": "r-1"}, turns)
    finally:
        stub.close()


@pytest.mark.parametrize(("drops", "turns"), [(0, 1), (1, 2)])
def test_through_a_proxy_a_call_waits_when_its_tunnel_stands(
    trusted: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, drops: int, turns: int
) -> None:
    authorities, context = trusted
    stub = SecureStub(context, drops=drops, tunnel=True)
    try:
        monkeypatch.setenv("HTTPS_PROXY", stub.endpoint)
        assert read_securely(stub, "https://cloud.example", authorities) == ({"RequestId": "r-1"}, turns)
    finally:
        stub.close()
