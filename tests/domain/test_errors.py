"""The tree of errors: what is temporary decides nothing."""

import pytest

from app.domain import errors

TEMPORARY = [
    errors.CloudThrottled,
    errors.CloudBusy,
    errors.CloudNotSent,
    errors.CloudAmbiguous,
    errors.CloudCredentialRefused,
]


@pytest.mark.parametrize("kind", TEMPORARY)
def test_a_temporary_error_is_never_a_refusal(kind: type[errors.CloudError]) -> None:
    assert issubclass(kind, errors.CloudTemporary)
    assert not issubclass(kind, errors.CloudRefused)


def test_a_missing_resource_is_a_refusal_and_not_temporary() -> None:
    assert issubclass(errors.CloudResourceMissing, errors.CloudRefused)
    assert not issubclass(errors.CloudResourceMissing, errors.CloudTemporary)


def test_an_error_of_the_cloud_carries_the_clouds_own_code_and_request_id() -> None:
    error = errors.CloudBusy("FailedOperation.ResourceInOperating", "later", "req-1")
    assert (error.code, error.message, error.request_id) == ("FailedOperation.ResourceInOperating", "later", "req-1")
    assert str(error) == "FailedOperation.ResourceInOperating: later"


def test_a_refused_request_carries_what_the_answer_needs() -> None:
    error = errors.RequestRefused(404, "cluster-not-found", "there is no cluster cls-9")
    assert (error.status, error.code, error.detail) == (404, "cluster-not-found", "there is no cluster cls-9")
    assert str(error) == "cluster-not-found: there is no cluster cls-9"


def test_everything_raised_on_purpose_has_one_root() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) > 10
    assert all(issubclass(kind, errors.BrokerError) for kind in kinds)
