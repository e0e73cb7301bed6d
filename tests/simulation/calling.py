"""The way of a pass to the cloud and to the clock: the real client over questions of the pass."""

from collections.abc import Callable
from typing import Any

from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from app.cloud.client import Client
from app.cloud.sending import wait_to_leave
from app.ledger.leases import Lease
from app.worker.readings import Readings
from tests.simulation.ledger import ACCOUNT, REGION, Books, Ledger
from tests.simulation.passes import Pass, Sending, Sleep, Step
from tests.simulation.schedule import Schedule
from tests.simulation.work_rooms import SLOT_SECONDS, lower, reserve

BUDGET = 6
"""Calls per action in any second."""


class Virtual:
    """Stands for the module `time` in the rooms of the worker."""

    def __init__(self) -> None:
        self.schedule = Schedule()

    def monotonic(self) -> float:
        """Virtual seconds, the same however often a pass is run again."""
        current = Pass.current
        return self.schedule.now if current is None else current.moment

    def sleep(self, pause: float) -> None:
        """Let the pass wait."""
        sleep(pause)


class CallingClient(Client):
    """The real client, without the SDK beneath it: what it would send is a question of the pass."""

    def __init__(self, ledger: Ledger, time: Virtual) -> None:
        self.account_id = ACCOUNT
        self._region = REGION
        self._ledger = ledger
        self._time = time
        self._budget = self.wait_for_slot
        self._throttled = self.lower
        self._services = {"clb": self}

    def call_json(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """As the SDK's client, which waits for the call's turn when it is ready to leave. Raises as it does."""
        wait_to_leave()
        fields, refusal = current_pass().ask(Sending(action, parameters))
        if refusal is not None:
            raise TencentCloudSDKException(*refusal, None if fields is None else fields["RequestId"])
        return {"Response": fields}

    def wait_for_slot(self, account_id: str, region: str, action: str) -> None:
        """Stands for `app.worker.call_slots`: who has missed a slot waits for another one."""
        opens_at = -1.0
        while self._time.monotonic() > opens_at + SLOT_SECONDS:
            opens_at = self._in_step(reserve, action)
            if opens_at > self._time.monotonic():
                sleep(opens_at - self._time.monotonic())

    def lower(self, account_id: str, region: str, action: str) -> None:
        """Stands for `app.worker.call_slots` too: fewer calls for a while."""
        self._in_step(lower, action)

    def _in_step(self, act: Callable[[Books, str, int], Any], action: str) -> Any:
        def in_a_transaction() -> Any:
            with self._ledger.begin() as books:
                return act(books, action, BUDGET)

        return current_pass().ask(Step(act.__name__, in_a_transaction))


class OnceRead(Readings):
    """The real memory of readings, asked once by each pass however often it is run again."""

    def keep(self, lease: Lease, observed: Any) -> None:
        """As in `Readings`."""
        current_pass().once(lambda: Readings.keep(self, lease, observed))

    def recall(self, lease: Lease) -> Any:
        """As in `Readings`."""
        return current_pass().once(lambda: Readings.recall(self, lease))


def sleep(pause: float) -> None:
    """Let the pass wait for so many seconds."""
    current_pass().ask(Sleep(pause))


def current_pass() -> Pass:
    if Pass.current is None:
        raise RuntimeError("only a pass calls the cloud, waits and remembers")
    return Pass.current
