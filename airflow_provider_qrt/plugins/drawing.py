"""Drawings of circuits, made one after the other in a process of their own and kept for those who ask again."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

SECONDS = 30.0
"""A drawing that takes longer is given up."""
MOST_CHARACTERS = 50_000
"""Of a circuit's source."""
KEPT = 64
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "QISKIT_PARALLEL": "FALSE"}
"""A thread for each core would take memory for each."""
WAITING = 8
"""So many drawings may wait for their turn."""
NO_QISKIT = "Qiskit is not installed with Airflow's API server: pip install 'airflow-provider-qrt[qiskit]' draws it."
BUSY = "Too many circuits are being drawn. Try again in a minute."


@dataclass(frozen=True)
class Drawing:
    """A circuit's drawing.

    Attributes:
        state: ``drawing`` as long as it is made, ``drawn``, or ``none`` if there is none.
        text: The drawing; or why there is none.
    """

    state: Literal["drawing", "drawn", "none"]
    text: str = ""


class Drawings:
    """Draws in a thread that waits for a process, so nobody who asks waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Drawing] = OrderedDict()
        self._waiting: OrderedDict[str, str] = OrderedDict()
        self._works = False

    def get(self, source: str) -> Drawing:
        """Return the drawing of a circuit, or have it made.

        Args:
            source: OpenQASM 2 or 3.
        """
        if not can_draw():
            return Drawing("none", NO_QISKIT)
        if len(source) > MOST_CHARACTERS:
            return Drawing("none", f"The circuit is too long to be drawn: {len(source):,} characters.")
        key = hashlib.sha256(source.encode()).hexdigest()
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
            if len(self._waiting) >= WAITING:
                return Drawing("none", BUSY)
            self._known[key] = Drawing("drawing")
            self._waiting[key] = source
            if not self._works:
                self._works = True
                threading.Thread(target=self._work, name="qiskit-runtime-drawings", daemon=True).start()
            return self._known[key]

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._works = False
                    return
                key, source = self._waiting.popitem(last=False)
            drawing = _draw(source)
            with self._lock:
                self._known[key] = drawing
                while len(self._known) > KEPT + len(self._waiting):
                    self._known.popitem(last=False)


def can_draw() -> bool:
    """Whether Qiskit, and what it reads OpenQASM 3 with, are there. Imports neither."""
    return all(importlib.util.find_spec(name) is not None for name in ("qiskit", "qiskit_qasm3_import"))


def _draw(source: str) -> Drawing:
    # -P: not the working directory before the installed packages; who may write there would be imported.
    command = [sys.executable, "-P", "-m", "airflow_provider_qrt.plugins.draw"]
    try:
        # The source is what the program reads, not part of the command.
        done = subprocess.run(  # noqa: S603
            command,
            input=source.encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
            # Nothing of Airflow's environment, in which its secrets may be.
            env=ONE_THREAD,
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        return Drawing("none", f"The circuit could not be drawn within {SECONDS:.0f} s.")
    except OSError:
        return Drawing("none", "The circuit could not be drawn: no process could be started.")
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        return Drawing("none", f"Qiskit could not draw the circuit{': ' + why[-1] if why else '.'}")
    return Drawing("drawn", done.stdout.decode(errors="replace"))
