"""The wire: signatures, envelopes, versions, connections."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tencentcloud.clb.v20180317 import models
from tencentcloud.clb.v20180317.clb_client import ClbClient
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from app.simulator.errors import WorldError
from app.simulator.server import Simulator, run
from tests.simulator.conftest import WORLD, Asker, bound, refused, target, wait_for


def connection(simulator: Simulator) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(simulator.endpoint.removeprefix("http://"), timeout=60)


def posted(simulator: Simulator, headers: dict[str, str], body: bytes = b"{}") -> tuple[int, str | None, Any]:
    link = connection(simulator)
    link.request("POST", "/", body, {"Content-Type": "application/json", **headers})
    answer = link.getresponse()
    found = answer.status, answer.headers["Content-Type"], json.loads(answer.read())
    link.close()
    return found


def test_the_real_sdk_is_understood_and_understands(clb: ClbClient, simulator: Simulator) -> None:
    request = models.BatchRegisterTargetsRequest()
    request.from_json_string(json.dumps({"LoadBalancerId": "lb-1", "Targets": [target("10.0.3.17", Weight=0)]}))
    answer = clb.BatchRegisterTargets(request)
    assert (answer.FailListenerIdSet, answer.Message) == ([], "")
    assert answer.RequestId == simulator.calls[0]["request_id"]
    assert bound(simulator) == [("lbl-1", "10.0.3.17", 8080, 0)]


def test_a_wrong_secret_key_is_a_signature_failure(ask: Asker) -> None:
    code, _ = refused(lambda: ask("DescribeQuota", secret=("AKIDtest", "wrong")))
    assert code == "AuthFailure.SignatureFailure"


def test_an_unknown_secret_id_is_not_found_and_the_call_is_recorded(ask: Asker, simulator: Simulator) -> None:
    code, _ = refused(lambda: ask("DescribeQuota", secret=("AKIDother", "test-key")))
    assert code == "AuthFailure.SecretIdNotFound"
    assert [("DescribeQuota", "AKIDother", code)] == [
        (row["action"], row["secret_id"], row["code"]) for row in simulator.calls
    ]


@pytest.mark.parametrize("offset", [600, -600])
def test_a_clock_ten_minutes_off_either_way_expires_the_signature(
    ask: Asker, simulator: Simulator, offset: int
) -> None:
    simulator.set_parameters(clock_offset_seconds=offset)
    assert refused(lambda: ask("DescribeQuota"))[0] == "AuthFailure.SignatureExpire"


def test_a_clock_four_minutes_off_is_good_enough(ask: Asker, simulator: Simulator) -> None:
    simulator.set_parameters(clock_offset_seconds=240)
    assert len(ask("DescribeQuota")["QuotaSet"]) == 2


def test_a_revoked_credential_is_refused_and_a_new_one_serves(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("revoke-credential", secret_id="AKIDtest")
    simulator.edit("add-credential", secret_id="AKIDnew", secret_key="new-key")
    assert refused(lambda: ask("DescribeQuota"))[0] == "AuthFailure.SecretIdNotFound"
    assert len(ask("DescribeQuota", secret=("AKIDnew", "new-key"))["QuotaSet"]) == 2


@pytest.mark.parametrize("header", ["", "Bearer x", "TC3-HMAC-SHA256 Credential=AKIDtest, Signature=00"])
def test_a_header_of_another_form_is_a_signature_failure_under_http_200(simulator: Simulator, header: str) -> None:
    status, content_type, answer = posted(simulator, {"Authorization": header})
    assert (status, content_type) == (200, "application/json")
    assert answer["Response"]["Error"]["Code"] == "AuthFailure.SignatureFailure"
    assert answer["Response"]["RequestId"] == simulator.calls[0]["request_id"]


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [("", "MissingParameter"), ("1", "AuthFailure.SignatureExpire"), ("soon", "MissingParameter")],
)
def test_a_timestamp_is_needed(simulator: Simulator, timestamp: str, code: str) -> None:
    scope = "AKIDtest/2026-01-01/clb/tc3_request"
    signed = f"TC3-HMAC-SHA256 Credential={scope}, SignedHeaders=content-type;host, Signature={'0' * 64}"
    _, _, answer = posted(simulator, {"Authorization": signed, "X-TC-Timestamp": timestamp})
    assert code == answer["Response"]["Error"]["Code"]


def test_a_scope_of_another_day_is_a_signature_failure(simulator: Simulator) -> None:
    scope = "AKIDtest/2001-01-01/clb/tc3_request"
    signed = f"TC3-HMAC-SHA256 Credential={scope}, SignedHeaders=content-type;host, Signature={'0' * 64}"
    _, _, answer = posted(simulator, {"Authorization": signed, "X-TC-Timestamp": str(int(time.time()))})
    assert answer["Response"]["Error"]["Code"] == "AuthFailure.SignatureFailure"


def test_unknown_actions_versions_and_services_have_their_codes(ask: Asker) -> None:
    assert refused(lambda: ask("DescribeNothing"))[0] == "InvalidAction"
    assert refused(lambda: ask("DescribeVpcs", "clb"))[0] == "InvalidAction"
    assert refused(lambda: ask("DescribeQuota", version="2017-03-12"))[0] == "NoSuchVersion"
    assert refused(lambda: ask("DescribeQuota", "cos", version="2018-03-17"))[0] == "AuthFailure.SignatureFailure"


def test_missing_unknown_and_wrongly_typed_parameters_have_their_codes(ask: Asker) -> None:
    assert refused(lambda: ask("DescribeTargets"))[0] == "MissingParameter"
    assert refused(lambda: ask("DescribeQuota", region=""))[0] == "MissingParameter"
    assert refused(lambda: ask("DescribeTargets", LoadBalancerId="lb-1", Colour="red")) == (
        "UnknownParameter",
        "The parameter `Colour` is not recognized.",
    )
    assert refused(lambda: ask("DescribeTargets", LoadBalancerId=1))[0] == "InvalidParameter"
    assert refused(lambda: ask("DescribeTargets", LoadBalancerId="lb-1", Filters={}))[0] == "InvalidParameter"
    assert refused(lambda: ask("DescribeTargets", LoadBalancerId="lb-1", Filters=["x"]))[0] == "InvalidParameter"


def test_a_body_that_is_no_json_object_is_refused(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.simulator.signature.verify", lambda *_: None)
    scope = "AKIDtest/2026-01-01/clb/tc3_request"
    headers = {
        "Authorization": f"TC3-HMAC-SHA256 Credential={scope}, SignedHeaders=content-type;host, Signature={'0' * 64}",
        "X-TC-Action": "DescribeQuota",
        "X-TC-Version": "2018-03-17",
        "X-TC-Region": "ap-guangzhou",
    }
    for body in (b"{", b"[1]"):
        assert posted(simulator, headers, body)[2]["Response"]["Error"]["Code"] == "InvalidParameter"
    assert [row["parameters"] for row in simulator.calls] == [None, [1]]


def test_a_mistake_inside_is_an_internal_error_and_is_shown(
    ask: Asker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("app.simulator.cloud.Cloud._admit", lambda *_: 1 / 0)
    assert refused(lambda: ask("DescribeQuota"))[0] == "InternalError"
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_call_in_another_region_does_not_see_this_one(ask: Asker) -> None:
    def ids(region: str) -> list[str]:
        rows = ask("DescribeLoadBalancers", region=region)["LoadBalancerSet"]
        return [each["LoadBalancerId"] for each in rows]

    assert ids("ap-guangzhou") == ["lb-1", "lb-2"]
    assert ids("ap-shanghai") == ["lb-far"]
    assert refused(lambda: ask("DescribeTargets", LoadBalancerId="lb-far"))[0] == "InvalidParameter.LBIdNotFound"


def test_one_connection_serves_many_requests_and_each_answer_is_one_piece(simulator: Simulator) -> None:
    host, port = simulator.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as link:
        for _ in range(2):
            link.sendall(b"GET /_control/faults HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = link.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b'{"faults": []}')


def test_a_request_whose_caller_goes_away_before_it_is_whole_is_no_call(simulator: Simulator) -> None:
    host, port = simulator.endpoint.removeprefix("http://").split(":")
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-TC-Action: DescribeTargets\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=60) as link:
        link.sendall(head + b'{"LoadBalancerId": ')
        link.shutdown(socket.SHUT_WR)
        assert link.recv(65536) == b""
    assert simulator.calls == []


def test_other_paths_and_endless_bodies_are_refused(simulator: Simulator) -> None:
    link = connection(simulator)
    link.request("GET", "/")
    answer = link.getresponse()
    assert (answer.status, b"POST /" in answer.read()) == (404, True)
    link.putrequest("POST", "/")
    link.putheader("Content-Length", str(20 * 1024 * 1024))
    link.endheaders()
    assert link.getresponse().status == 413
    link.close()


def test_closing_ends_waits_and_idle_connections(world: dict[str, Any]) -> None:
    with Simulator(world) as simulator:
        simulator.order("hang", action="*", seconds=60)
        link = connection(simulator)
        link.request("GET", "/_control/faults")
        link.getresponse().read()
        before = threading.active_count()
    wait_for(lambda: threading.active_count() < before)
    simulator.close()
    link.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com"])
def test_only_loopback_addresses_are_listened_on(world: dict[str, Any], host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Simulator(world, host)


def test_localhost_and_ipv6_loopback_are_good(world: dict[str, Any]) -> None:
    with Simulator(world, "localhost") as simulator:
        assert simulator.endpoint.startswith("http://127.0.0.1:")
    if Path("/proc/net/if_inet6").exists() and "00000001" in Path("/proc/net/if_inet6").read_text():
        with Simulator(world, "::1") as simulator:
            assert simulator.endpoint.startswith("http://[::1]:")


PROGRAM = "import sys, pathlib; from app.simulator.server import run; run(pathlib.Path(sys.argv[1]), '127.0.0.1', 0)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_it_says_where_it_listens_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(WORLD)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True, cwd=root, env=dict(os.environ)
    ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line.startswith("simulator: listening on http://127.0.0.1:")
        assert line.endswith(f" (world {path})\n")
        running.send_signal(number)
        assert running.wait(60) == 0


def test_a_bad_world_file_stops_it_with_the_place_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text("credentials: [{secret_id: a}]")
    with pytest.raises(WorldError) as raised:
        run(path, "127.0.0.1", 0)
    assert f"{path}: credentials[0].secret_key: is missing" == str(raised.value)
    with pytest.raises(WorldError, match=r"^\S+none.yaml: cannot be read"):
        run(tmp_path / "none.yaml", "127.0.0.1", 0)


def test_run_serves_until_it_is_told_to_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(WORLD)
    usual = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop() -> None:
        wait_for(lambda: signal.getsignal(signal.SIGINT) is not usual[signal.SIGINT])
        os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop)
    stopping.start()
    try:
        run(path, "127.0.0.1", 0)
    finally:
        stopping.join()
        for number, disposition in usual.items():
            signal.signal(number, disposition)
    assert capsys.readouterr().out.startswith("simulator: listening on ")


def test_sixteen_clients_at_once_never_have_two_writes_on_one_load_balancer(
    ask: Asker, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = 0
    most = 0

    def work(*_: Any) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        time.sleep(0.002)
        at_work -= 1

    def write(number: int) -> None:
        for port in range(1, 6):
            wanted = target(f"10.0.4.{number + 1}", port)
            with contextlib.suppress(TencentCloudSDKException):
                ask("BatchRegisterTargets", LoadBalancerId="lb-1", Targets=[wanted])

    monkeypatch.setattr("app.simulator.cloud.Cloud._wait", work)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = [each["code"] for each in simulator.calls]
    assert (most, len(codes), codes.count(None)) == (1, 80, len(bound(simulator)))
    assert set(codes) <= {None, "FailedOperation.ResourceInOperating"}


def test_a_mistake_of_the_control_path_is_shown(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("app.simulator.control.Control.answer", lambda *_: 1 / 0)
    link = connection(simulator)
    link.request("GET", "/_control/calls")
    with pytest.raises(ConnectionError):
        link.getresponse()
    link.close()
    wait_for(lambda: "ZeroDivisionError" in capfd.readouterr().err)
