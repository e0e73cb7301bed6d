"""Everything that the broker raises on purpose.

::

    BrokerError
    ├── SettingError                 a setting is missing or wrong; stops the process
    ├── RequestRefused               the request cannot be served as it is; carries status and code
    │   └── TooManyRequests              its caller sends too many; carries when to ask again
    ├── LedgerUnavailable            temporary: the database did not answer
    │   ├── JournalMonthMissing          there was no place for an entry of this month's history
    │   └── LedgerNotMigrated            its schema, or a right in it, is not there yet
    ├── LeaseLost                    temporary: somebody else holds the load balancer now
    └── CloudError
        ├── CloudTemporary           ask again later
        │   ├── CloudThrottled           over the rate; wait for the next window
        │   ├── CloudBusy                this load balancer works on another write
        │   ├── CloudNotSent             the call's time had passed before it was sent
        │   ├── CloudAmbiguous           nobody knows whether it happened: read back
        │   └── CloudCredentialRefused   this account's credential does not work now
        └── CloudRefused             permanent for this request; carries the cloud's own code
            └── CloudResourceMissing     what was named does not exist at the cloud

A temporary error never decides anything about a binding: no answer is no proof and no refusal.
"""


class BrokerError(Exception):
    """Root of the tree."""


class SettingError(BrokerError):
    """A setting is missing or wrong. The message is one line that names it."""


class RequestRefused(BrokerError):
    """A request that cannot be served as it is.

    ``status`` is the HTTP status, ``code`` the stable code, ``detail`` a sentence for people.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class TooManyRequests(RequestRefused):
    """A caller sends more than it may; it may ask again in ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(429, "too-many-requests", f"too many at once; ask again in {retry_after} s")
        self.retry_after = retry_after


class LedgerUnavailable(BrokerError):
    """The database did not answer; nothing was half done, since every write is one transaction."""

    code = "ledger-unavailable"


class JournalMonthMissing(LedgerUnavailable):
    """The journal has no partition for this month. Nothing was written; who writes has it made, and asks again."""

    code = "journal-month-missing"


class LedgerNotMigrated(LedgerUnavailable):
    """The database answers, but tables, roles or rights are not there yet: migrations have to be run."""


class LeaseLost(BrokerError):
    """The lease went to somebody else. The holder of the old epoch must change no row."""


class CloudError(BrokerError):
    """The cloud did not do as asked. ``code`` is the cloud's own, ``request_id`` its number for the call if any."""

    def __init__(self, code: str, message: str, request_id: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.request_id = request_id


class CloudTemporary(CloudError):
    """Ask again later."""


class CloudThrottled(CloudTemporary):
    """RequestLimitExceeded and its kin: no failure, only too early."""


class CloudBusy(CloudTemporary):
    """The load balancer is working on another write; only this load balancer needs to wait."""


class CloudNotSent(CloudTemporary):
    """The call was not sent, because the right to send it would have ended before its answer."""


class CloudAmbiguous(CloudTemporary):
    """Time-out, reset or InternalError: the call may have happened. Read back before anything is sent again."""


class CloudCredentialRefused(CloudTemporary):
    """The credential is unknown, revoked or lacks a right. Nothing is lost; writing goes on when it works again."""


class CloudRefused(CloudError):
    """The cloud understood and said no; the same call will be refused again."""


class CloudResourceMissing(CloudRefused):
    """The load balancer or listener that the call names does not exist at the cloud."""
