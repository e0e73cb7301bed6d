"""A Postgres of a test's own, that can be killed and started again.

Run as a process: prints the URI, and keeps the server until its input ends.
"""

import sys
from pathlib import Path

from app.ledger.embedded import start_embedded

if __name__ == "__main__":
    print(start_embedded(Path(sys.argv[1])), flush=True)
    sys.stdin.read()
