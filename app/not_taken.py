"""What is answered to a request that never comes to the API, since it is none or takes too long to become one."""

from typing import Final

import orjson
from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

_TITLES: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


def answer(status: int, code: str, detail: str) -> bytes:
    """A problem (RFC 9457) as the API would answer it, where it never comes to the API; it ends the connection."""
    title = _TITLES[status]
    said = {"type": f"urn:clb-broker:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    body = orjson.dumps({**said, "instance": "about:blank"})
    head = (
        f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode() + body


def refusal_of(error: Exception) -> tuple[int, str]:
    """Status and code for what reading a request as HTTP, or answering it, raised."""
    if isinstance(error, LimitRequestHeaders):
        return 431, "headers-too-large"
    if isinstance(error, LimitRequestLine):
        return 414, "uri-too-long"
    if isinstance(error, ExpectationFailed):
        return 417, "bad-request"
    if isinstance(error, UnsupportedTransferCoding):
        return 501, "bad-request"
    told = isinstance(error, ParseException) and not isinstance(error, ConfigurationProblem)
    return (400, "bad-request") if told else (500, "internal-error")
