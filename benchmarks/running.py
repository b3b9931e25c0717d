"""Runs one sampler job in each system: ours in a real Airflow, the others as programs in separate environments."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator
    from tools.local_airflow import LocalAirflow

ROOT = Path(__file__).resolve().parent.parent
DAGS = ROOT / "benchmarks" / "systems" / "dags"
TASK = "measure"
BACKEND = "ibm_fez"
SHOTS = 1024
RUN_TIMEOUT_SECONDS = 180
INSTALL_TIMEOUT_SECONDS = 600
START_TIMEOUT_SECONDS = 120
WATCH_SECONDS = 0.2
TRACEBACK_END = re.compile(r"([a-z_]\w*\.)*[A-Z]\w+: ")

# Prefect's server does not start with the newest versions of its web framework.
PREFECT_REQUIREMENTS = ("prefect-qiskit", "fastapi<0.150")


class NotMeasurableError(Exception):
    """A system cannot run here; the text says why."""


class ProgramFailedError(NotMeasurableError):
    """A program ended without an answer; the text is the end of its output."""


@dataclass(frozen=True)
class Answer:
    """The output of a program: the counts, and the time at which they were available, in epoch seconds."""

    counts: dict[str, int]
    result_at: float


def is_bell_pair(counts: dict[str, int]) -> bool:
    """Return whether these are complete counts of the circuit that every system runs."""
    return set(counts) == {"00", "11"} and sum(counts.values()) == SHOTS


def local_airflow(emulator: Emulator, home: Path, **wishes: Any) -> LocalAirflow:
    """Return an Airflow with the DAGs of the benchmarks, without starting it.

    Args:
        emulator: The emulator that its connection points to.
        home: Its folder.
        wishes: Additional values in the DAGs' question, such as ``circuits``.
    """
    from tools.demo import connection
    from tools.local_airflow import LocalAirflow

    return LocalAirflow(
        home,
        DAGS,
        connections={"qiskit_runtime_default": connection(emulator)},
        settings={"BENCHMARK_QUESTION": json.dumps({"backend": BACKEND, "shots": SHOTS, **wishes})},
    )


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of a program, with a separate home and without the user's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(("PREFECT_", "QISKIT_"))}
    return {
        **kept,
        "HOME": str(folder),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(START_TIMEOUT_SECONDS),
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


@contextmanager
def prefect_server(python: Path, folder: Path) -> Iterator[str]:
    """Run a Prefect server for flows; yield the address of its API. Without it, each flow would start a server."""
    from tools.local_airflow import free_port, wait_until

    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}/api"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def answers() -> bool:
        if process.poll() is not None:
            raise NotMeasurableError("its server ended")
        with suppress(OSError), opener.open(f"{url}/health", timeout=5) as answer:
            return answer.status == HTTPStatus.OK
        return False

    try:
        try:
            wait_until(answers, seconds=START_TIMEOUT_SECONDS, what="the start of Prefect's server")
        except TimeoutError as error:
            raise NotMeasurableError(str(error)) from None
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run_program(
    python: Path | str,
    name: str,
    emulator: Emulator,
    folder: Path,
    *,
    watch: Callable[[subprocess.Popen[bytes]], None] | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
    **wishes: Any,
) -> Answer:
    """Run one of ``benchmarks.systems`` and wait for its end.

    Args:
        python: The interpreter.
        name: The name of the module.
        emulator: The emulator that it uses.
        folder: The folder for its home and its output.
        watch: A function that is called with the process a few times per second while it runs.
        environment: Additional environment variables.
        wishes: Additional values in its question, such as ``timeout``.

    Raises:
        ProgramFailedError: It ended without an answer, or did not end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    question = {
        "api": emulator.url,
        "root": emulator.root_url,
        "iam": emulator.iam_url,
        "key": emulator.api_key,
        "instance": emulator.instance,
        "backend": BACKEND,
        "shots": SHOTS,
        **wishes,
    }
    # Use files because a program that dies may leave a child process, which would keep a pipe open.
    with (folder / "output").open("w+b") as output, (folder / "errors").open("w+b") as errors:
        process = subprocess.Popen(
            [str(python), "-m", f"benchmarks.systems.{name}", json.dumps(question)],
            cwd=ROOT,
            env=_environment(folder) | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            end = time.monotonic() + RUN_TIMEOUT_SECONDS
            while process.poll() is None:
                if time.monotonic() > end:
                    raise ProgramFailedError(f"it had not ended after {RUN_TIMEOUT_SECONDS} s")
                if watch is not None:
                    watch(process)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(WATCH_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for file in (output, errors):
            file.seek(0)
        answers = [line for line in output.read().decode(errors="replace").splitlines() if line.startswith('{"counts"')]
        if process.returncode or not answers:
            raise ProgramFailedError(f"it failed: {_last_error(errors.read().decode(errors='replace'))}")
    return Answer(**json.loads(answers[-1]))


def _last_error(text: str) -> str:
    """Return the end of the last traceback, or otherwise the last line."""
    lines = text.strip().splitlines() or ["without a message"]
    return next((line for line in reversed(lines) if TRACEBACK_END.match(line)), lines[-1])


def install_prefect(folder: Path) -> tuple[Path, str]:
    """Install prefect-qiskit into a virtual environment; return its Python and the installed versions."""
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise NotMeasurableError("uv is not installed")
    python = folder / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *PREFECT_REQUIREMENTS],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            raise NotMeasurableError(f"its installation took more than {INSTALL_TIMEOUT_SECONDS} s") from None
        if done.returncode:
            raise NotMeasurableError(f"it could not be installed: {(done.stderr.strip().splitlines() or ['?'])[0]}")
    script = "from importlib.metadata import version as v; print(v('prefect-qiskit'), v('prefect'))"
    found = subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=True)
    ours, prefect = found.stdout.split()
    return python, f"prefect-qiskit {ours} (Prefect {prefect})"
