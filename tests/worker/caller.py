"""A worker process that only calls: ``python -m tests.worker.caller CALLS HANDS``, set up by the environment.

It says "ready", begins at a line of input, and says of each call its RequestId and when it was sent (unix seconds).
"""

import json
import sys
import threading
import time
from typing import Any

from app.composition import build_worker
from app.settings import read_settings

ASKED = {"LoadBalancerId": "lb-1"}


def main(calls: int, hands: int) -> None:
    settings = read_settings()
    assert settings.database_url is not None
    _, workshop = build_worker(settings, settings.database_url)
    client = workshop.cloud_for("default", "ap-guangzhou")
    sent = threading.local()
    wait = client._budget

    def noted(*key: str) -> None:
        wait(*key)
        sent.at = time.time()

    client._budget = noted
    rows: list[tuple[str, float]] = []

    def call() -> None:
        for _ in range(calls):
            answer: dict[str, Any] = client.call("clb", "DescribeTargets", ASKED)
            rows.append((answer["RequestId"], sent.at))

    print("ready", flush=True)
    sys.stdin.readline()
    threads = [threading.Thread(target=call) for _ in range(hands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(rows), flush=True)
    workshop.ledger.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
