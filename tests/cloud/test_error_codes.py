"""The cloud's codes as the broker's errors: temporary or permanent, and never a guess."""

import pytest

from app.cloud.error_codes import PREFIXES, error_for
from app.domain import errors
from app.domain.errors import CloudError, CloudRefused, CloudTemporary

CODES = {
    "RequestLimitExceeded": errors.CloudThrottled,
    "RequestLimitExceeded.UinLimitExceeded": errors.CloudThrottled,
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded": errors.CloudThrottled,
    "FailedOperation.ResourceInOperating": errors.CloudBusy,
    "FailedOperation.ResourceInCloning": errors.CloudBusy,
    "ClientNetworkError": errors.CloudAmbiguous,
    "ServerNetworkError": errors.CloudAmbiguous,
    "InternalError": errors.CloudAmbiguous,
    "InternalError.Db": errors.CloudAmbiguous,
    "KeyError": errors.CloudAmbiguous,
    "AuthFailure.SignatureExpire": errors.CloudCredentialRefused,
    "AuthFailure.SecretIdNotFound": errors.CloudCredentialRefused,
    "UnauthorizedOperation": errors.CloudCredentialRefused,
    "ResourceNotFound": errors.CloudResourceMissing,
    "InvalidParameter.LBIdNotFound": errors.CloudResourceMissing,
    "InvalidParameter.ListenerIdNotFound": errors.CloudResourceMissing,
    "InvalidParameter.LocationNotFound": errors.CloudResourceMissing,
    "InvalidParameter": errors.CloudRefused,
    "InvalidParameter.FormatError": errors.CloudRefused,
    "InvalidParameterValue.Length": errors.CloudRefused,
    "MissingParameter": errors.CloudRefused,
    "LimitExceeded": errors.CloudRefused,
    "UnsupportedOperation": errors.CloudRefused,
    "OperationDenied": errors.CloudRefused,
    "InvalidAction": errors.CloudRefused,
    "ClientParamsError": errors.CloudRefused,
    "ResourceInsufficient": errors.CloudTemporary,
    "ResourceUnavailable": errors.CloudTemporary,
    "ResourceInUse": errors.CloudTemporary,
    "FailedOperation": errors.CloudTemporary,
    "FailedOperation.NotWellKnown": errors.CloudTemporary,
}


@pytest.mark.parametrize(("code", "kind"), CODES.items())
def test_every_known_code_has_its_meaning(code: str, kind: type[CloudError]) -> None:
    error = error_for(code, "message", "r-1")
    assert type(error) is kind
    assert (error.code, error.message, error.request_id) == (code, "message", "r-1")


@pytest.mark.parametrize("code", ["", "None", "Unheard.Of", "requestlimitexceeded", "TradeError"])
def test_a_code_that_nobody_knows_is_ambiguous_so_that_the_cloud_is_read_before_anything_is_decided(code: str) -> None:
    assert type(error_for(code, "", None)) is errors.CloudAmbiguous


def test_an_error_is_temporary_or_permanent_and_never_both() -> None:
    for _, kind in PREFIXES:
        assert issubclass(kind, CloudTemporary) is not issubclass(kind, CloudRefused)


def test_no_prefix_hides_a_longer_one_that_means_something_else() -> None:
    for code, kind in PREFIXES:
        assert type(error_for(code, "", None)) is kind, code
