"""The result of a sampler job: PUB by PUB, register by register, with counts, bitstrings and plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import NoCounts
from airflow_provider_qrt.primitives.inputs.sizes import counts_json_bytes, quasi_json_bytes
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.primitives.results.bits import BitRegister, join_registers
from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, metadata_of
from airflow_provider_qrt.primitives.results.plain_json import strict_json

if TYPE_CHECKING:
    from pandas import DataFrame
    from qiskit.primitives import PrimitiveResult
    from qiskit.result import QuasiDistribution as QiskitQuasiDistribution

    from airflow_provider_qrt.primitives.results.quasi_dists import QuasiDistribution
    from airflow_provider_qrt.primitives.results.result_file import ResultFormat

Location = int | tuple[int, ...] | None


@dataclass(frozen=True, eq=False)
class SamplerPubResult:
    """What one PUB measured.

    Attributes:
        registers: The shots of every classical register, by name, in the order of declaration; empty if the service
            gave quasi-probabilities.
        metadata: What the service said about the run, plain JSON.
        quasi_dists: What version 1 of the sampler gives in place of shots; None of version 2.
        asked: The values of the circuit's parameters, as far as the task that fetched the result knew them.
    """

    registers: Mapping[str, BitRegister]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    quasi_dists: QuasiDistribution | None = None
    asked: Asked = field(default_factory=Asked)

    @property
    def parameter_values(self) -> Mapping[str, Any]:
        """By parameter: a number, or nested lists in the shape of the sweep; empty if not known."""
        return self.asked.parameter_values

    @property
    def shots(self) -> int | None:
        """Shots for each point of the sweep; None if version 1 of the sampler did not say."""
        if self.quasi_dists is not None:
            return self.quasi_dists.shots
        return next(iter(self.registers.values())).shots

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the sweep; ``()`` without one, as always with version 1 of the sampler."""
        return () if self.quasi_dists is not None else next(iter(self.registers.values())).shape

    @cached_property
    def _joined(self) -> BitRegister:
        return join_registers(list(self.registers.values()))

    def join(self) -> BitRegister:
        """Return all registers as one, the last declared leftmost, as Qiskit's ``join_data()`` does.

        Raises:
            NoCounts: The service gave quasi-probabilities.
        """
        if self.quasi_dists is not None:
            raise NoCounts(
                "this is a result of the sampler's version 1: quasi-probabilities, and no bits or counts of single "
                "shots. Use quasi_dists, quasi_dists.binary_probabilities(num_bits) for bitstrings, or "
                "quasi_dists.nearest_probability_distribution() for probabilities"
            )
        return self._joined

    def get_counts(self, loc: Location = None) -> dict[str, int]:
        """Return the counts over all registers, joined.

        Args:
            loc: A point of the sweep; None counts all points together, as Qiskit does.

        Raises:
            NoCounts: The service gave quasi-probabilities.
        """
        return self.join().counts(loc).to_dict()

    def get_bitstrings(self, loc: Location = None) -> list[str]:
        """Return a string for every shot over all registers, joined; ``loc`` as in ``get_counts``."""
        return self.join().bitstrings(loc)


@dataclass(frozen=True, eq=False)
class SamplerResult:
    """The result of a sampler job: a sequence of ``SamplerPubResult``, one for each PUB, in their order.

    Attributes:
        pubs: The results of the PUBs.
        metadata: What the service said about the job as a whole, plain JSON.
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
        """Return the counts of PUB i, its registers joined with the last declared leftmost.

        Raises:
            NoCounts: The service gave quasi-probabilities; says what to use.
        """
        return self.pubs[i].get_counts()

    def get_bitstrings(self, i: int = 0) -> list[str]:
        """Return a string for every shot of PUB i; after ``from_xcom`` grouped by value, not in time order."""
        return self.pubs[i].get_bitstrings()

    @property
    def quasi_dists(self) -> list[QuasiDistribution]:
        """The quasi-distributions of all circuits, of a job of version 1 of the sampler.

        Raises:
            ValueError: It is a result of version 2.
        """
        found = [pub.quasi_dists for pub in self.pubs if pub.quasi_dists is not None]
        if len(found) != len(self.pubs):
            raise ValueError("this is a result of the sampler's version 2, which has counts: use get_counts()")
        return found

    def with_pubs(self, pubs: Iterable[SamplerPubResult]) -> SamplerResult:
        """Return this result with the results of other PUBs."""
        return replace(self, pubs=tuple(pubs))

    def to_qiskit(self) -> PrimitiveResult[Any] | list[QiskitQuasiDistribution]:
        """Return Qiskit's ``PrimitiveResult``, for code written against Qiskit. The bits are not copied.

        Of quasi-probabilities it is a list of ``qiskit.result.QuasiDistribution``: the class that held them was taken
        out of Qiskit 2.

        Raises:
            ImportError: Qiskit is not installed (``pip install airflow-provider-qrt[qiskit]``), or has no class for
                quasi-probabilities any more.
        """
        from airflow_provider_qrt.primitives.results.qiskit_result import to_qiskit

        return to_qiskit(self)

    def to_xcom_results(self) -> list[dict[str, Any]]:
        """Return one plain dictionary for each PUB, ready for JSON.

        ``{"shots", "counts", "registers": {name: {"num_bits", "index", "counts"}}, "metadata"}``. Counts are in
        ascending order of the bitstrings; in a sweep they are nested lists of counts in its shape. ``index`` is
        the place of the register in the order of declaration: PostgreSQL does not keep the order of keys.

        Of a circuit with parameters, ``parameter_values`` has the values of each, in the shape of the sweep.

        Of version 1 of the sampler, ``counts`` is null, ``registers`` is empty, and ``quasi_dists`` holds the
        quasi-probabilities by outcome, as the service wrote them.
        """
        return [{**_pub_json(pub, _nested_counts), **pub.asked.to_json()} for pub in self.pubs]

    def manifest(self) -> list[dict[str, Any]]:
        """Return the same as ``to_xcom_results`` with null for all counts: what XCom keeps of a large result."""
        return [_pub_json(pub, None) for pub in self.pubs]

    def estimated_xcom_bytes(self) -> int:
        """Return an upper bound of the JSON text of ``to_xcom_results``, in bytes, without building it."""
        total = len(json.dumps(self.manifest()))
        total += sum(pub.asked.json_bytes() for pub in self.pubs)
        for pub in self.pubs:
            if pub.quasi_dists is not None:
                total += sum(quasi_json_bytes(len(outcome)) for outcome in pub.quasi_dists)
                continue
            for register in _registers_to_count(pub):
                total += sum(
                    counts_json_bytes(len(counts), counts.num_bits, counts.shots, len(pub.shape))
                    for counts in register.point_counts
                )
        return total

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any] | list[Any]) -> SamplerResult:
        """Rebuild a result from the return value of a sampler operator, or from its ``results`` alone.

        Counts do not say in which order the shots came: ``get_bitstrings()`` gives them grouped by value.

        Raises:
            ValueError: The value is a manifest (its counts were too large and are in ``result_path``; the message
                shows how to read them), or is no result of a sampler operator.
        """
        from airflow_provider_qrt.primitives.results.xcom import read_results

        if isinstance(value, Mapping):
            job = {key: part for key, part in value.items() if key not in ("results", "metadata")}
            return cls(read_results(value.get("results"), job.get("result_path")), metadata_of(value), job)
        return cls(read_results(value, None))

    @classmethod
    def from_file(cls, path: Any, *, max_bytes: int = MAX_DECODED_BYTES) -> SamplerResult:
        """Read a result that an operator wrote to its ``result_path``, in any ``result_format``.

        From npz the shots come in the order of time, else grouped by value. A file that holds what the service answered
        for a job of version 1 (``{"quasi_dists": ...}``) is read as well.

        Args:
            path: ``ObjectStoragePath``, ``pathlib.Path``, or the text of a local path or URL. A URL that names an
                Airflow connection has to be an ``ObjectStoragePath``.
            max_bytes: The most bytes that the values may take, unpacked.

        Raises:
            InvalidResult: It is too large, or no file of a sampler's result, or damaged.
            ImportError: It is a Parquet file, and pyarrow is not installed.
            OSError: It cannot be read.
        """
        from airflow_provider_qrt.primitives.results.result_file import read_bytes
        from airflow_provider_qrt.primitives.results.sampler_file import read_sampler

        return read_sampler(read_bytes(path), max_bytes)

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write the result to an open file, with what is known of its job; ``from_file`` reads it.

        Raises:
            ImportError: The format is Parquet, and pyarrow is not installed.
        """
        from airflow_provider_qrt.primitives.results.sampler_file import write_sampler

        write_sampler(file, self, result_format, job)

    def to_dataframe(self) -> DataFrame:
        """Return a ``pandas.DataFrame`` with a row for each outcome at each point of each PUB.

        Columns: ``pub`` (its index), ``point`` (flat index in the sweep, the last axis varying fastest), ``axis_0``,
        ``axis_1``, ... (the same by axes; NA where a PUB has fewer), one for each parameter, by its name, with its
        value there, ``bitstring`` (all registers, the last declared leftmost), ``count`` (shots). Of
        quasi-probabilities: ``pub``, ``outcome`` (decimal digits), ``quasi_probability``.

        Raises:
            ImportError: pandas is not installed (``pip install airflow-provider-qrt[pandas]``).
        """
        from airflow_provider_qrt.primitives.results.sampler_file import sampler_dataframe

        return sampler_dataframe(self)


def _registers_to_count(pub: SamplerPubResult) -> list[BitRegister]:
    return [pub.join(), *pub.registers.values()]


def _pub_json(pub: SamplerPubResult, count: Callable[[BitRegister], Any] | None) -> dict[str, Any]:
    """Return a PUB as plain JSON; without a function that counts, with null for what was measured."""
    if pub.quasi_dists is not None:
        return {
            "shots": pub.shots,
            "counts": None,
            "quasi_dists": None if count is None else dict(pub.quasi_dists),
            "registers": {},
            "metadata": strict_json(pub.metadata),
        }
    counts = count or (lambda _register: None)
    return {
        "shots": pub.shots,
        "counts": counts(pub.join()),
        "registers": {
            name: {"num_bits": register.num_bits, "index": index, "counts": counts(register)}
            for index, (name, register) in enumerate(pub.registers.items())
        },
        "metadata": strict_json(pub.metadata),
    }


def _nested_counts(register: BitRegister) -> Any:
    points = iter([counts.sorted().to_dict() for counts in register.point_counts])

    def nest(shape: tuple[int, ...]) -> Any:
        return [nest(shape[1:]) for _ in range(shape[0])] if shape else next(points)

    return nest(register.shape)
