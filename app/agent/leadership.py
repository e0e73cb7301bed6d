"""Which one of a cluster's agents speaks: the holder of a Lease.

The lock itself and the rules of taking it are the library's; the loop is ours, because the library's cannot be stopped,
does not give the lease up, and waits as long for a deadline that has passed (decision 0024).
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, cast

import structlog
import urllib3
from kubernetes import client
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

from app.agent import metrics

log = structlog.get_logger(__name__)

RENEW_SHARE: Final = 2 / 3
"""After this share of the lease without a renewal a leader keeps quiet; the others wait for the whole of it."""

RETRY_SHARE: Final = 2 / 15
"""How often the lease is asked for and renewed; with 15 s these are client-go's own 15, 10 and 2 s."""


class Leadership:
    """Takes and renews the lease; `leads` may be asked at any moment, by any thread."""

    def __init__(
        self,
        api_client: client.ApiClient,
        name: str,
        namespace: str,
        identity: str,
        lease_seconds: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._renew_seconds = max(2, int(lease_seconds * RENEW_SHARE))
        self._retry_seconds = max(1, int(lease_seconds * RETRY_SHARE))
        self._lock = LeaseLock(name, namespace, identity)
        # A renewal that hangs must not outlive the deadline it is made for.
        self._calls = _Calls(client.CoordinationV1Api(api_client), self._renew_seconds / 2)
        self._lock.api_instance = cast(client.CoordinationV1Api, self._calls)
        self._election = leaderelection.LeaderElection(
            electionconfig.Config(
                self._lock,
                lease_duration=lease_seconds,
                renew_deadline=self._renew_seconds,
                retry_period=self._retry_seconds,
                onstarted_leading=_nothing,
                onstopped_leading=_nothing,
            )
        )
        self._clock = clock
        self._until = float("-inf")
        self._leading = False
        self._told: str | None = None
        self._condition = threading.Condition()
        self.term = 0
        """Counts how often this agent began to lead."""

    def leads(self) -> bool:
        """Whether this agent may speak now: it renewed the lease less than the renew deadline ago."""
        return self._clock() < self._until

    def wait_until_leading(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds to lead."""
        with self._condition:
            self._condition.wait_for(self.leads, timeout)
        return self.leads()

    def run(self, stopped: threading.Event) -> None:
        """Take the lease and renew it until ``stopped``, then give it up."""
        while not stopped.is_set():
            self.run_once()
            stopped.wait(self._retry_seconds)
        self.give_up()

    def run_once(self) -> bool:
        """Try once to take or renew the lease; whether this agent leads."""
        self._tell_change()  # a lease that ran out meanwhile ends the term, even if it is taken again right now
        # Taken before the call: the others count from when they see it, which is later.
        began = self._clock()
        if self._try():
            with self._condition:
                self._until = began + self._renew_seconds
                self._condition.notify_all()
        self._tell_change()
        return self.leads()

    def give_up(self) -> None:
        """Keep quiet, and let another take the lease at once."""
        led = self.leads()
        self._until = float("-inf")
        self._tell_change()
        if not led:
            return
        try:
            given_up = self._release()
        except (urllib3.exceptions.HTTPError, OSError):
            given_up = False
        if not given_up:
            log.warning("lease not given up, it has to run out", identity=self._lock.identity)

    def _release(self) -> bool:
        lock = self._lock
        # Read first: the library does not keep the version that its own last update made.
        found, record = lock.get(lock.name, lock.namespace)
        if not found or record.holder_identity != lock.identity:
            return False
        now = str(datetime.now())  # noqa: DTZ005 (the library's records are in local time)
        return bool(lock.update(lock.name, lock.namespace, LeaderElectionRecord(None, "1", now, now)))

    def _try(self) -> bool:
        self._calls.failure = None
        try:
            succeeded = bool(self._election.try_acquire_or_renew())
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._calls.failure, succeeded = type(error).__name__, False
        if self._calls.failure not in {None, self._told}:
            log.warning("lease not reached", error=self._calls.failure)
        self._told = None if succeeded else self._calls.failure
        return succeeded

    def _tell_change(self) -> None:
        leads = self.leads()
        metrics.show_leading(leads=leads)
        if leads and not self._leading:
            self.term += 1
            log.info("leads", identity=self._lock.identity, term=self.term)
        elif self._leading and not leads:
            log.info("does not lead any more", identity=self._lock.identity)
        self._leading = leads


class _Calls:
    """The three calls that the library's lock makes, each with a time limit, which it gives them not.

    ``failure`` is what a call was refused for, which the library keeps to itself; that there is no lease yet, or that
    another agent was quicker, is none.
    """

    def __init__(self, api: client.CoordinationV1Api, seconds: float) -> None:
        self._api = api
        self._seconds = seconds
        self.failure: str | None = None

    def read_namespaced_lease(self, name: str, namespace: str) -> Any:
        return self._made(lambda: self._api.read_namespaced_lease(name, namespace, _request_timeout=self._seconds), 404)

    def create_namespaced_lease(self, namespace: str, body: Any) -> Any:
        return self._made(lambda: self._api.create_namespaced_lease(namespace, body, _request_timeout=self._seconds))

    def replace_namespaced_lease(self, name: str, namespace: str, body: Any) -> Any:
        return self._made(
            lambda: self._api.replace_namespaced_lease(name, namespace, body, _request_timeout=self._seconds)
        )

    def _made(self, call: Callable[[], Any], expected: int = 409) -> Any:
        try:
            return call()
        except client.ApiException as error:
            if error.status != expected:
                self.failure = f"{error.status} {error.reason}"
            raise


def _nothing() -> None:
    """The library's callbacks are not used."""
