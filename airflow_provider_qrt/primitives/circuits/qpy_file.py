"""Writes several circuits to one QPY file for the program ``executor``.

Source: IBM's schemas for the executor (``CompressedQpyDataModel``), and the header in Qiskit's description of QPY from
version 10 on: ``QISKIT``, the version (1 byte), Qiskit's version (3), the number of programs (8, big-endian).
"""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_qrt.primitives.circuits.qpy import MAX_QPY_VERSION
from airflow_provider_qrt.primitives.circuits.qpy_forms import MAX_QPY_BYTES
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.qiskit_needed import QiskitMissingError
from airflow_provider_qrt.untrusted.inflate import TooLargeError, inflate

_MAGIC = b"QISKIT"
_HEADER_BYTES = 18


def write_qpy_file(circuits: Sequence[str | Mapping[str, Any]]) -> dict[str, Any]:
    """Put circuits into one file.

    Args:
        circuits: OpenQASM 3 texts, or ``{"__type__": "QuantumCircuit", "__value__": ...}`` (QPY in zlib in base64). A
            single QPY circuit is passed on unchanged; everything else needs Qiskit.

    Returns:
        ``{"b64_data", "qpy_version", "num_programs"}``.

    Raises:
        InvalidInputError: Qiskit's importer for text is not installed, or a circuit cannot be read.
        QiskitMissingError: Qiskit is not installed.
    """
    if len(circuits) == 1 and isinstance(circuits[0], Mapping):
        return _as_it_is(circuits[0]["__value__"])
    try:
        from qiskit import qpy
    except ImportError as error:
        raise QiskitMissingError(
            "circuits: several circuits in one executor job, encoded as QPY, have to be put into one file, and that "
            "needs Qiskit: pip install 'airflow-provider-qrt[qiskit]'. OpenQASM 3 texts do not need it."
        ) from error
    read = [_read(circuit, f"circuits[{index}]") for index, circuit in enumerate(circuits)]
    buffer = io.BytesIO()
    version = min(MAX_QPY_VERSION, qpy.common.QPY_VERSION)
    qpy.dump(read, buffer, version=version)
    data = base64.b64encode(zlib.compress(buffer.getvalue())).decode("ascii")
    return {"b64_data": data, "qpy_version": version, "num_programs": len(read)}


def _as_it_is(value: Any) -> dict[str, Any]:
    header = _unpack(value, "circuits[0]", _HEADER_BYTES)
    number = int.from_bytes(header[10:18], "big")
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC) or number != 1:
        raise InvalidInputError(
            "circuits[0]: expected base64 of zlib of QPY with one circuit, as RuntimeEncoder writes it."
        )
    return {"b64_data": value, "qpy_version": header[6], "num_programs": 1}


def _unpack(value: Any, where: str, at_most: int = 0) -> bytes:
    """Return the first ``at_most`` bytes of QPY, or all bytes."""
    try:
        packed = base64.b64decode(value, validate=True)
        return zlib.decompressobj().decompress(packed, at_most) if at_most else inflate(packed, MAX_QPY_BYTES)
    except TooLargeError as error:
        raise InvalidInputError(f"{where}: the QPY is too large: {error}.") from None
    except (TypeError, binascii.Error, ValueError, zlib.error) as error:
        raise InvalidInputError(f"{where}: expected base64 of zlib of QPY: {error}.") from None


def _read(circuit: str | Mapping[str, Any], where: str) -> Any:
    from qiskit import qasm3, qpy

    if not isinstance(circuit, str):
        raw = _unpack(circuit["__value__"], where)
        try:
            [loaded] = qpy.load(io.BytesIO(raw))
        except Exception as error:
            raise InvalidInputError(f"{where}: the QPY cannot be read: {error}") from error
        return loaded
    try:
        return qasm3.loads(circuit)
    except Exception as error:
        # Qiskit reads text with a separate package; if it is missing, Qiskit raises an ordinary error.
        raise InvalidInputError(
            f"{where}: OpenQASM 3 text beside circuits of Qiskit's has to become one of those, and Qiskit cannot read "
            f"it: {' '.join(str(error).split())}. Give all circuits of the job as text, or all as QuantumCircuit."
        ) from error
