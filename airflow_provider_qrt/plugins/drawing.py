"""Drawings of circuits, made one at a time in a separate process, and cached."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider_qrt.plugins.sent import MOST_CHARACTERS, facts_of

log = logging.getLogger(__name__)

SECONDS = 30.0
"""A drawing that takes longer is aborted."""
KEPT = 64
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "QISKIT_PARALLEL": "FALSE"}
"""Environment that limits libraries to one thread, since each thread takes memory."""
WAITING = 8
"""Maximum number of queued drawings."""
NO_QISKIT = "Qiskit is not installed with Airflow's API server: pip install 'airflow-provider-qrt[qiskit]' draws it."
BUSY = "Too many circuits are being drawn. Try again in a minute."


@dataclass(frozen=True)
class Drawing:
    """A circuit's drawing.

    Attributes:
        state: ``drawing`` while it is in progress, ``drawn``, or ``none`` if there is none.
        text: The drawing, or the reason why there is none.
        facts: Depth, gates and qubits; see :func:`~airflow_provider_qrt.plugins.draw.describe`.
    """

    state: Literal["drawing", "drawn", "none"]
    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"state": self.state, "text": self.text, "facts": dict(self.facts)}


class Drawings:
    """Draws in a background thread that waits for a process, so that callers do not wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Drawing] = OrderedDict()
        self._waiting: OrderedDict[str, str] = OrderedDict()
        self._works = False

    def get(self, source: str) -> Drawing:
        """Return the drawing of a circuit, or start it.

        Args:
            source: OpenQASM 2 or 3, or QPY as :mod:`~airflow_provider_qrt.plugins.sent` has it.
        """
        if not can_draw():
            return Drawing("none", NO_QISKIT)
        if len(source) > MOST_CHARACTERS:
            return Drawing("none", f"The circuit is too long to be drawn: {len(source):,} characters.")
        key = hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest()
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
            try:
                drawing = _draw(source)
            except Exception:
                log.exception("A circuit could not be drawn")
                drawing = Drawing("none", "The circuit could not be drawn; the log of the API server says why.")
            with self._lock:
                self._known[key] = drawing
                done = [one for one in self._known if one not in self._waiting]
                for oldest in done[: max(0, len(done) - KEPT)]:
                    del self._known[oldest]


def can_draw() -> bool:
    """Return whether Qiskit and its OpenQASM 3 importer are installed. Imports neither."""
    return all(importlib.util.find_spec(name) is not None for name in ("qiskit", "qiskit_qasm3_import"))


def _draw(source: str) -> Drawing:
    # -P keeps the working directory out of the import path: files there may be untrusted.
    command = [sys.executable, "-P", "-m", "airflow_provider_qrt.plugins.draw"]
    try:
        # The source goes to standard input, not into the command.
        done = subprocess.run(  # noqa: S603
            command,
            # Half a surrogate pair may come out of JSON, and is no text.
            input=source.encode(errors="replace"),
            capture_output=True,
            timeout=SECONDS,
            check=False,
            # Not Airflow's environment, which may contain secrets.
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
    found = facts_of(done.stdout.decode(errors="replace"))
    text = found.pop("drawing", None)
    if text is None:
        return Drawing("none", f"It has {found.get('operations', 0):,} operations, too many to be drawn.", found)
    return Drawing("drawn", text, found)
