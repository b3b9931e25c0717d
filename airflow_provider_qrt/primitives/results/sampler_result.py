"""The result of a sampler job: counts and bitstrings of each PUB and register, also as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, load_payload
from airflow_provider_qrt.primitives.results.sampler_decoding import decode_samples
from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult, quasi_dists_of
from airflow_provider_qrt.primitives.results.xcom import (
    manifest,
    manifest_entry,
    pub_json,
    read_value,
    values_json_bytes,
)

if TYPE_CHECKING:
    from pandas import DataFrame
    from qiskit.primitives import PrimitiveResult
    from qiskit.result import QuasiDistribution as QiskitQuasiDistribution

    from airflow_provider_qrt.primitives.results.quasi_dists import QuasiDistribution
    from airflow_provider_qrt.primitives.results.result_file import ResultFormat


@dataclass(frozen=True, eq=False)
class SamplerResult:
    """The result of a sampler job: a sequence of ``SamplerPubResult``, one for each PUB, in their order.

    Attributes:
        pubs: The results of the PUBs.
        metadata: The service's metadata of the whole job, as plain JSON.
        job: After ``from_xcom`` of an operator's value, or ``from_file``: the other keys (``job_id``, ...).
    """

    pubs: tuple[SamplerPubResult, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pubs)

    def __getitem__(self, index: int) -> SamplerPubResult:
        return self.pubs[index]

    def __iter__(self) -> Iterator[SamplerPubResult]:
        return iter(self.pubs)

    def get_counts(self, i: int = 0) -> dict[str, int]:
        """Return the counts of PUB i, with its registers joined and the last declared one leftmost.

        Raises:
            NoCountsError: The service returned quasi-probabilities; the message says what to use.
        """
        return self.pubs[i].get_counts()

    def get_bitstrings(self, i: int = 0) -> list[str]:
        """Return a string for every shot of PUB i, in time order; after ``from_xcom``, grouped by value instead."""
        return self.pubs[i].get_bitstrings()

    @property
    def quasi_dists(self) -> list[QuasiDistribution]:
        """The quasi-distributions of all circuits of a job of version 1 of the sampler.

        Raises:
            ValueError: It is a result of version 2.
        """
        return quasi_dists_of(self.pubs)

    def with_pubs(self, pubs: Iterable[SamplerPubResult]) -> SamplerResult:
        """Return a copy of this result with other PUB results."""
        return replace(self, pubs=tuple(pubs))

    def to_qiskit(self) -> PrimitiveResult[Any] | list[QiskitQuasiDistribution]:
        """Return Qiskit's ``PrimitiveResult``, for code written against Qiskit. The bits are not copied.

        For quasi-probabilities, return a list of ``qiskit.result.QuasiDistribution``, because Qiskit 2 removed the
        class that contained them.

        Raises:
            ImportError: Qiskit is not installed (``pip install airflow-provider-qrt[qiskit]``), or no longer has a
                class for quasi-probabilities.
        """
        from airflow_provider_qrt.primitives.results.qiskit_result import to_qiskit

        return to_qiskit(self.pubs, self.metadata)

    def to_xcom_results(self) -> list[dict[str, Any]]:
        """Return one plain dictionary for each PUB, ready for JSON.

        ``{"shots", "counts", "registers": {name: {"num_bits", "index", "counts"}}, "metadata"}``. Counts are in
        ascending order of the bitstrings; in a sweep they are nested lists of counts in its shape. ``index`` is the
        position of the register in the order of declaration, because PostgreSQL does not preserve the order of keys.

        For a circuit with parameters, ``parameter_values`` contains the values of each, in the shape of the sweep.

        For version 1 of the sampler, ``counts`` is null, ``registers`` is empty, and ``quasi_dists`` contains the
        quasi-probabilities by outcome as the service returned them.
        """
        return [pub_json(pub) for pub in self.pubs]

    def manifest(self) -> list[dict[str, Any]]:
        """Return the part of a large result that goes to XCom: ``to_xcom_results`` with null for all counts.

        Of a result with at most 16 points, each PUB also has ``top_counts``, the 32 most frequent outcomes of each
        point, and ``num_outcomes``, the number of different outcomes of each point, nested as ``counts`` would be.
        """
        return manifest(self.pubs)

    def estimated_xcom_bytes(self) -> int:
        """Return an upper bound of the JSON text of ``to_xcom_results``, in bytes, without building it."""
        entries = [manifest_entry(pub) for pub in self.pubs]
        return len(json.dumps(entries)) + sum(values_json_bytes(pub) for pub in self.pubs)

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any] | list[Any]) -> SamplerResult:
        """Rebuild a result from the return value of a sampler operator, or from its ``results`` alone.

        Counts do not contain the order of the shots, so ``get_bitstrings()`` returns them grouped by value.

        Raises:
            ValueError: The value is a manifest (its counts were too large and are in ``result_path``; the message
                shows how to read them), or is not the result of a sampler operator.
        """
        return cls(*read_value(value))

    @classmethod
    def from_file(cls, path: Any, *, max_bytes: int = MAX_DECODED_BYTES) -> SamplerResult:
        """Read a result that an operator wrote to its ``result_path``, in any ``result_format``.

        From npz the shots are in the order of time, otherwise they are grouped by value. A file with the service's
        answer for a job of version 1 (``{"quasi_dists": ...}``) can be read too.

        Args:
            path: ``ObjectStoragePath``, ``pathlib.Path``, or the text of a local path or URL. A URL that names an
                Airflow connection has to be an ``ObjectStoragePath``.
            max_bytes: Maximum size of the values in bytes, uncompressed.

        Raises:
            InvalidResultError: It is too large, damaged, or not a file of a sampler's result.
            ImportError: It is a Parquet file, and pyarrow is not installed.
            OSError: It cannot be read.
        """
        from airflow_provider_qrt.primitives.results.result_file import read_bytes
        from airflow_provider_qrt.primitives.results.sampler_file import read_sampler

        return cls(*read_sampler(read_bytes(path), max_bytes))

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write the result and the facts about its job to an open file; ``from_file`` reads it.

        Raises:
            ImportError: The format is Parquet, and pyarrow is not installed.
        """
        from airflow_provider_qrt.primitives.results.sampler_file import write_sampler

        write_sampler(file, self.pubs, self.metadata, result_format, job)

    def to_dataframe(self) -> DataFrame:
        """Return a ``pandas.DataFrame`` with a row for each outcome at each point of each PUB.

        Columns: ``pub`` (its index), ``point`` (flat index in the sweep, with the last axis varying fastest),
        ``axis_0``, ``axis_1``, ... (the index along each axis; NA where a PUB has fewer axes), one column with the
        value of each parameter under its name, ``bitstring`` (all registers, with the last declared one leftmost),
        ``count`` (shots). For quasi-probabilities: ``pub``, ``outcome`` (decimal digits), ``quasi_probability``.

        Raises:
            ImportError: pandas is not installed (``pip install airflow-provider-qrt[pandas]``).
        """
        from airflow_provider_qrt.primitives.results.sampler_file import sampler_dataframe

        return sampler_dataframe(self.pubs)


def decode_server_samples(
    payload: str | bytes | Mapping[str, Any], *, max_bytes: int = MAX_DECODED_BYTES
) -> SamplerResult:
    """Read the result of a job of the program ``sampler``, of version 1 or 2.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, or its parsed JSON.
        max_bytes: Maximum total size of all arrays in bytes, uncompressed.

    Raises:
        InvalidResultError: The text is not JSON (the message shows its end, which is the reason for a failed job), is
            the result of another program, is damaged or too large, or contains complex readout points (``meas_type``
            kerneled) instead of bits.
    """
    document = load_payload(payload)
    del payload
    return SamplerResult(*decode_samples(document, max_bytes))
