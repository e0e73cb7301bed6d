"""The broker over HTTP, as an operator's commands ask it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click
import requests

from app.console.contexts import Context

TIMEOUT_SECONDS: Final = (5, 60)
"""For connecting, and for an answer."""

LARGEST_PAGE: Final = 1000
"""The most items of a list in one answer (openapi.yaml, ``limit``)."""

Query = Mapping[str, str | int | None]


class Refused(click.ClickException):
    """The broker refuses what was asked: a wrong filter, a conflict."""

    exit_code = 1


class NotFound(Refused):
    """There is no such thing, or none that the caller may know of."""

    exit_code = 3


class NotPermitted(Refused):
    """The token is not valid, or its role may not do this."""

    exit_code = 4


class BrokerAway(click.ClickException):
    """The broker cannot be reached, or cannot answer now; the same command may work later."""

    exit_code = 5


_KINDS: Final[Mapping[int, type[click.ClickException]]] = {
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    429: BrokerAway,
}


class Broker:
    """Asks one broker with one token. Raises `Refused`, `NotFound`, `NotPermitted`, `BrokerAway`."""

    def __init__(self, context: Context) -> None:
        self._server = context.server
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {context.bearer()}"
        self._session.headers["User-Agent"] = "clb-broker"
        if context.ca_file is not None:
            self._session.verify = context.ca_file

    def ask(self, method: str, path: str, query: Query | None = None, body: Any = None) -> Any:
        """The answer, as JSON; None for one without a body."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            answer = self._session.request(
                method,
                f"{self._server}{path}",
                params=given,
                json=body,
                timeout=TIMEOUT_SECONDS,
                # A redirect would carry the token to somewhere else, or turn a POST into a GET.
                allow_redirects=False,
            )
            if answer.status_code >= 300:
                raise _error(answer)
            return answer.json() if answer.content else None
        except requests.RequestException as error:
            raise BrokerAway(f"{self._server}: {_reason(error)}") from error

    def items(self, path: str, query: Query, limit: int | None) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page, up to ``limit`` of them; None: all."""
        cursor, left = None, limit
        while left is None or left > 0:
            size = LARGEST_PAGE if left is None else min(left, LARGEST_PAGE)
            page = self.ask("GET", path, {**query, "limit": size, "cursor": cursor})
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return
            left = None if left is None else left - len(page["items"])


def _error(answer: requests.Response) -> click.ClickException:
    try:
        problem = answer.json()
        told = f"{problem['code']}: {problem['detail']}"
    except (ValueError, LookupError, TypeError):
        told = f"an answer with status {answer.status_code} that is not the broker's"
    default = BrokerAway if answer.status_code >= 500 else Refused
    return _KINDS.get(answer.status_code, default)(told)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted; name its authority with --ca-file"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return "the answer is not JSON; is this a broker?"
    return "not reached"
