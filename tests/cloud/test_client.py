"""One call: its slot in the budget, the real SDK, and one name for everything that can go wrong."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from app.cloud.client import Account, Client
from app.domain.errors import (
    CloudAmbiguous,
    CloudBusy,
    CloudCredentialRefused,
    CloudError,
    CloudNotSent,
    CloudRefused,
    CloudResourceMissing,
    CloudTemporary,
    CloudThrottled,
    LedgerUnavailable,
)
from app.simulator.server import Simulator
from tests.cloud.conftest import Slots, actions, client_of, wait_for
from tests.cloud.stub import answering

READ = "DescribeTargets"


def read(client: Client) -> dict[str, Any]:
    return client.call("clb", READ, {"LoadBalancerId": "lb-1"})


def raised_by(call: Callable[[], object]) -> CloudError:
    with pytest.raises(CloudError) as raised:
        call()
    return raised.value


def test_the_fields_of_the_answer_come_back_with_the_request_id(client: Client, simulator: Simulator) -> None:
    answer = read(client)
    assert answer["RequestId"] == simulator.calls[0]["request_id"]
    assert [listener["ListenerId"] for listener in answer["Listeners"]] == ["lbl-1", "lbl-2", "lbl-web"]


def test_every_call_asks_the_budget_first_each_action_for_itself(client: Client, slots: Slots) -> None:
    read(client)
    client.call("vpc", "DescribeNetworkInterfaces", {})
    client.call("tke", "DescribeClusters", {})
    assert slots == [
        ("default", "ap-guangzhou", READ),
        ("default", "ap-guangzhou", "DescribeNetworkInterfaces"),
        ("default", "ap-guangzhou", "DescribeClusters"),
    ]


def test_without_a_slot_nothing_is_sent(simulator: Simulator) -> None:
    def refuse(*_: str) -> None:
        raise LedgerUnavailable("no slot")

    with pytest.raises(LedgerUnavailable):
        read(client_of(simulator.endpoint, refuse))
    assert simulator.calls == []


def test_a_call_whose_time_has_passed_is_not_sent(client: Client, simulator: Simulator) -> None:
    error = raised_by(lambda: client.call("clb", READ, {"LoadBalancerId": "lb-1"}, time.monotonic() - 0.001))
    assert isinstance(error, CloudNotSent)
    assert simulator.calls == []
    assert client.call("clb", READ, {"LoadBalancerId": "lb-1"}, time.monotonic() + 60)


def test_the_time_that_the_budget_takes_counts(simulator: Simulator) -> None:
    waiting = client_of(simulator.endpoint, lambda *_: time.sleep(0.02))
    error = raised_by(lambda: waiting.call("clb", READ, {"LoadBalancerId": "lb-1"}, time.monotonic() + 0.01))
    assert isinstance(error, CloudNotSent)
    assert simulator.calls == []


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ({"kind": "answer-lost"}, CloudAmbiguous, "ClientNetworkError"),
        ({"kind": "request-lost"}, CloudAmbiguous, "ClientNetworkError"),
        ({"kind": "reset"}, CloudAmbiguous, "ClientNetworkError"),
        ({"kind": "reset", "done": True}, CloudAmbiguous, "ClientNetworkError"),
        ({"kind": "http-500"}, CloudAmbiguous, "ServerNetworkError"),
        ({"kind": "internal-error-before"}, CloudAmbiguous, "InternalError"),
        ({"kind": "internal-error-after"}, CloudAmbiguous, "InternalError"),
        ({"kind": "not-json"}, CloudAmbiguous, "UnreadableAnswer"),
        ({"kind": "throttle"}, CloudThrottled, "RequestLimitExceeded"),
        ({"kind": "busy"}, CloudBusy, "FailedOperation.ResourceInOperating"),
        ({"kind": "error", "code": "AuthFailure.SignatureFailure"}, CloudCredentialRefused, None),
        ({"kind": "error", "code": "UnauthorizedOperation.CamNoAuth"}, CloudCredentialRefused, None),
        ({"kind": "error", "code": "RequestLimitExceeded.UinLimitExceeded"}, CloudThrottled, None),
        ({"kind": "error", "code": "ResourceInsufficient"}, CloudTemporary, None),
        ({"kind": "error", "code": "LimitExceeded"}, CloudRefused, None),
        ({"kind": "error", "code": "SomethingNew"}, CloudAmbiguous, None),
    ],
    ids=lambda value: value.get("code", value["kind"]) if isinstance(value, dict) else None,
)
def test_each_trouble_has_one_name_and_nothing_is_repeated_here(
    client: Client, simulator: Simulator, fault: dict[str, Any], kind: type[CloudError], code: str | None
) -> None:
    simulator.order(**fault, action="BatchRegisterTargets", times=0)
    targets = [{"ListenerId": "lbl-1", "EniIp": "10.0.3.17", "Port": 8080}]
    request = {"LoadBalancerId": "lb-1", "Targets": targets}
    error = raised_by(lambda: client.call("clb", "BatchRegisterTargets", request))
    assert type(error) is kind
    assert error.code == (code or fault["code"])
    wait_for(lambda: simulator.calls[0]["finished_at"])
    assert actions(simulator) == ["BatchRegisterTargets"]


def test_an_error_of_the_cloud_keeps_its_number_and_its_words(client: Client, simulator: Simulator) -> None:
    simulator.order("error", code="LimitExceeded", message="quota of 100 targets")
    error = raised_by(lambda: read(client))
    assert (error.request_id, error.message) == (simulator.calls[0]["request_id"], "quota of 100 targets")
    assert str(error) == "LimitExceeded: quota of 100 targets"


def test_an_error_under_another_content_type_is_an_error_all_the_same(client: Client, simulator: Simulator) -> None:
    simulator.order("charset")
    error = raised_by(lambda: client.call("clb", READ, {"LoadBalancerId": "lb-none"}))
    assert isinstance(error, CloudResourceMissing)
    assert error.request_id == simulator.calls[0]["request_id"]


def test_an_answer_under_another_content_type_is_an_answer(client: Client, simulator: Simulator) -> None:
    simulator.order("charset")
    assert read(client)["Listeners"]


def test_a_hanging_call_ends_with_the_time_out(simulator: Simulator) -> None:
    simulator.order("hang", seconds=60)
    impatient = client_of(simulator.endpoint, lambda *_: None, timeout=0.05)
    assert isinstance(raised_by(lambda: read(impatient)), CloudAmbiguous)


def test_a_cloud_that_is_not_there_is_ambiguous_and_not_fatal() -> None:
    nowhere = client_of("http://127.0.0.1:1", lambda *_: None)
    assert isinstance(raised_by(lambda: read(nowhere)), CloudAmbiguous)


@pytest.mark.parametrize("secret", [("AKIDnone", "test-key"), ("AKIDtest", "wrong")])
def test_a_bad_credential_is_temporary_and_is_not_shown(simulator: Simulator, secret: tuple[str, str]) -> None:
    account = Account("default", *secret, simulator.endpoint, 5.0)
    error = raised_by(lambda: read(Client(account, "ap-guangzhou", lambda *_: None)))
    assert isinstance(error, CloudCredentialRefused)
    assert secret[1] not in f"{error}{error!r}"
    assert secret[0] not in repr(account)
    assert secret[1] not in repr(account)


def test_a_credential_that_was_revoked_works_again_when_it_is_back(client: Client, simulator: Simulator) -> None:
    simulator.edit("revoke-credential", secret_id="AKIDtest")
    assert isinstance(raised_by(lambda: read(client)), CloudCredentialRefused)
    simulator.edit("add-credential", secret_id="AKIDtest", secret_key="test-key")
    assert read(client)["Listeners"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"Response": {"Error": {"Code": "LimitExceeded", "Message": "no number"}}}',
        b'{"Response": {"Listeners": []}}',
        b'{"Response": {"RequestId": ""}}',
        b'{"Response": {"RequestId": null}}',
        b'{"Response": null}',
        b'{"Response": []}',
        b'{"Response": "RequestId"}',
        b'{"Response": {"Error": null, "RequestId": null}}',
        b'{"Response": {"Error": "text", "RequestId": "r-1"}}',
        b'{"Response": {"Error": {}, "RequestId": "r-1"}}',
        b"{}",
        b"[]",
        b"null",
        b"7",
        b"",
        b"not json",
        b'{"Response": ',
        b'{"Response": {"RequestId": "\xff"}}',
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_an_answer_that_cannot_be_understood_is_ambiguous(body: bytes, content_type: str) -> None:
    with answering(body, content_type=content_type) as stub:
        error = raised_by(lambda: read(client_of(stub.endpoint, lambda *_: None)))
        assert isinstance(error, CloudAmbiguous)
        assert stub.requests == 1


def test_an_answer_that_breaks_off_is_ambiguous() -> None:
    with answering(b'{"Response": {"Listeners": [', missing=9) as stub:
        assert isinstance(raised_by(lambda: read(client_of(stub.endpoint, lambda *_: None))), CloudAmbiguous)


def test_an_answer_that_never_ends_is_ambiguous() -> None:
    with answering(b'{"Response": ', missing=9, lingers=True) as stub:
        impatient = client_of(stub.endpoint, lambda *_: None, timeout=0.2)
        assert isinstance(raised_by(lambda: read(impatient)), CloudAmbiguous)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b"<html>\n<body>\tInternal Server Error</body>\n</html>\n",
            "<html> <body> Internal Server Error</body> </html>",
        ),
        (b"a\x00b\x1b[31mc", "a b [31mc"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("系统错误".encode(), "系统错误"),
        (b"x" * 100_000, "x" * 500),
        (b"", ""),
    ],
)
def test_what_a_gateway_says_becomes_one_short_line_that_a_ledger_can_keep(body: bytes, expected: str) -> None:
    with answering(body, status=500) as stub:
        error = raised_by(lambda: read(client_of(stub.endpoint, lambda *_: None)))
    assert (error.code, error.message) == ("ServerNetworkError", expected)


def test_what_the_cloud_says_becomes_one_line_too(client: Client, simulator: Simulator) -> None:
    simulator.order("error", code="LimitExceeded", message="two\nlines\x00")
    assert raised_by(lambda: read(client)).message == "two lines"


def test_without_an_endpoint_the_real_cloud_is_meant() -> None:
    account = Account("default", "id", "key", None, 1.0)
    real = Client(account, "ap-guangzhou", lambda *_: None)
    profiles = {service: sdk.profile.httpProfile for service, sdk in real._services.items()}
    assert {service: profile.endpoint for service, profile in profiles.items()} == {
        "clb": "clb.tencentcloudapi.com",
        "vpc": "vpc.tencentcloudapi.com",
        "tke": "tke.tencentcloudapi.com",
        "cvm": "cvm.tencentcloudapi.com",
    }
    assert {profile.scheme for profile in profiles.values()} == {"https"}
