"""Where a request ends, seen from what has come of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arrivals import MOST_BODY_BYTES, MOST_HEAD_BYTES, Arrival, NotWanted

POST = b"POST /v1/x HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = {
    "no body": b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body": POST + b"Content-Length: 5\r\n\r\n12345",
    "a body of any case": POST + b"CONTENT-length :\t5 \r\n\r\n12345",
    "an empty body": POST + b"Content-Length: 0\r\n\r\n",
    "chunks": CHUNKED + b"5\r\n12345\r\n1;name=value\r\n6\r\n0\r\n\r\n",
    "chunks with trailers": CHUNKED + b"a\r\n0123456789\r\n0\r\nDigest: x\r\n\r\n",
    "chunks that look like an end": CHUNKED + b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_request_is_whole_with_its_last_byte_and_not_before(name: str) -> None:
    arrival = Arrival()
    for byte in WHOLE[name][:-1]:
        arrival.add(bytes([byte]))
        assert not arrival.whole
    arrival.add(WHOLE[name][-1:])
    assert (arrival.whole, arrival.unread) == (True, False)
    assert bytes(arrival.received) == WHOLE[name]


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(1, 60), max_size=8))
def test_it_does_not_matter_in_which_pieces_it_comes(name: str, cuts: list[int]) -> None:
    arrival, rest = Arrival(), WHOLE[name]
    for cut in cuts:
        arrival.add(rest[:cut])
        rest = rest[cut:]
        assert arrival.whole is (rest == b"")
    arrival.add(rest)
    assert arrival.whole


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 1048577",
        b"Content-Length: " + b"9" * 4000,
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: -5",
        b"Content-Length: five",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, gzip",
        b"Transfer-Encoding: identity",
    ],
)
def test_what_is_too_long_or_odd_is_handed_on_without_its_body(head: bytes) -> None:
    arrival = Arrival()
    arrival.add(POST + head + b"\r\n\r\n")
    assert (arrival.whole, arrival.unread) == (True, True)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (POST + b"A: " + b"a" * MOST_HEAD_BYTES, 431),
        (CHUNKED + b"0x5\r\n12345\r\n0\r\n\r\n", 400),
        (CHUNKED + b"\r\n", 400),
        (CHUNKED + b"-1\r\n", 400),
        (CHUNKED + b"5" * 1024, 400),
        (CHUNKED + b"100001\r\n", 413),
        (CHUNKED + b"ffffffff\r\n", 413),
        (CHUNKED + (b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n") * 17, 413),
        (CHUNKED + b"1\r\nx\r\n" * (MOST_BODY_BYTES - 1), 413),
        (CHUNKED + b"0\r\n" + b"a" * MOST_HEAD_BYTES + b"aaa", 431),
    ],
)
def test_what_grows_beyond_all_bounds_is_not_waited_for(sent: bytes, status: int) -> None:
    with pytest.raises(NotWanted) as refused:
        Arrival().add(sent)
    assert refused.value.status == status


def test_who_waits_to_hear_that_its_body_is_welcome_is_seen() -> None:
    arrival = Arrival()
    arrival.add(POST + b"expect: 100-Continue\r\nContent-Length: 5\r\n\r\n")
    assert (arrival.waits, arrival.whole) == (True, False)
