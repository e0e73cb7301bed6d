"""Whatever is logged, and by whomever, is one JSON object a line."""

import json
import subprocess
import sys
from typing import Any

import pytest

EVIL = "first\r\nsecond\u2028third\x1b[31m\x00"
BEGIN = f"""
import logging, threading, warnings, structlog
from app.logs import configure_logs
from app.trail import Trail, on_trail
configure_logs()
evil = {EVIL!r}
"""
CASES = {
    "a line of the broker's": "structlog.get_logger('x').warning(evil, path=evil)",
    "a line of a library's": "logging.getLogger('some.library').warning('it says %s', evil)",
    "an error with its trace": (
        "try:\n    raise ValueError(evil)\nexcept ValueError:\n    logging.getLogger('x').exception(evil)"
    ),
    "a warning": "warnings.warn(evil)",
    "the end of a thread": "t = threading.Thread(target=lambda: 1 / 0, name=evil); t.start(); t.join()",
    "the end of the process": "raise ValueError(evil)",
}


def _lines(code: str) -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=60, check=False)
    return [json.loads(line) for line in done.stderr.split("\n")[:-1]]


@pytest.mark.parametrize("name", CASES)
def test_it_is_one_object_on_one_line(name: str) -> None:
    (line,) = _lines(CASES[name])
    assert line.keys() >= {"event", "level", "timestamp"}


def test_a_line_of_a_library_says_whose_it_is_and_which_request_it_belongs_to() -> None:
    said = "    logging.getLogger('some.library').error('no %s', 'way')"
    (line,) = _lines(f"with on_trail(Trail('r-1', 'ab' * 16)):\n{said}")
    assert line | {"timestamp": None} == {
        "event": "no way",
        "level": "error",
        "logger": "some.library",
        "request_id": "r-1",
        "trace_id": "ab" * 16,
        "timestamp": None,
    }
