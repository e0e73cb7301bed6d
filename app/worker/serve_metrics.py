"""What a worker says of itself over HTTP: ``/livez`` and ``/metrics``, for the machine that watches it."""

from contextlib import AbstractContextManager

from app.metrics import WORKER
from app.serve_metrics import serving


def serving_metrics(listen: str | None) -> AbstractContextManager[str | None]:
    """Answer at ``listen`` for as long as this lasts; see `app.serve_metrics.serving`.

    Needs no ledger: a worker that cannot reach it is alive, and its metrics say so. Raises `SettingError`.
    """
    return serving(listen, "WORKER_LISTEN", WORKER)
