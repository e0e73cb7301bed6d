"""The broker's processes on this machine, each started by its own verb and ended by its own handle."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

START_SECONDS = 30
END_SECONDS = 15


class NotStarted(RuntimeError):
    """A process ended, or said nothing, before it was ready; its log is in the message."""


class Processes:
    """A context that ends every process that was started in it, the last one first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._started):
            process.terminate()
        for process in reversed(self._started):
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()

    def start(self, *verb: str, environment: Mapping[str, str], ready: str) -> str:
        """Start ``clb-broker VERB ...`` and return the line with which it says that it is ``ready``."""
        log_path = self._logs / f"{verb[0]}.log"
        with log_path.open("w", encoding="utf-8") as log:
            process = subprocess.Popen(  # noqa: S603 (our own verbs)
                [sys.executable, "-m", "app", *verb],
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._started.append(process)
        line = line_with(process, ready)
        if line is None:
            said = log_path.read_text(encoding="utf-8")[-2000:]
            raise NotStarted(f"{verb[0]} did not start:\n{said}")
        return line.strip()


def line_with(process: subprocess.Popen[str], ready: str) -> str | None:
    """The first line of the process's output that has ``ready`` in it; None when it ends without one."""
    if process.stdout is None:
        raise ValueError("the process's output is not piped")
    # A process that hangs at its start is ended, which ends its output, which ends the reading here.
    patience = threading.Timer(START_SECONDS, process.kill)
    patience.start()
    try:
        return next((line for line in process.stdout if ready in line), None)
    finally:
        patience.cancel()
        threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()


def _drain(output: IO[str]) -> None:
    """Read on, so that the process never waits for somebody to read what it prints."""
    try:
        while output.readline():
            pass
    except ValueError:  # closed at the end
        return
