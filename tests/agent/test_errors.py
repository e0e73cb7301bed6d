"""What an answer that is no success means."""

import pytest

from app.agent.errors import (
    CallRefused,
    CallTemporary,
    Conflict,
    ObjectMissing,
    TokenRefused,
    TooLarge,
    VersionGone,
    error_of,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, CallRefused),
        (401, TokenRefused),
        (403, TokenRefused),
        (404, ObjectMissing),
        (408, CallTemporary),
        (409, Conflict),
        (410, VersionGone),
        (413, TooLarge),
        (422, CallRefused),
        (425, CallTemporary),
        (429, CallTemporary),
        (500, CallTemporary),
        (502, CallTemporary),
        (503, CallTemporary),
        (504, CallTemporary),
    ],
)
def test_a_status_says_whether_to_ask_again(status: int, kind: type[Exception]) -> None:
    assert type(error_of(status, "code", "detail", None)) is kind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("86400", 45.0),
        ("-3", None),
        ("soon", None),
        ("²", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_a_retry_after_is_taken_in_seconds_up_to_a_bound(text: str | None, seconds: float | None) -> None:
    error = error_of(503, "unavailable", "later", text)
    assert isinstance(error, CallTemporary)
    assert error.retry_after == seconds
