"""The functions that get hostile input, with a valid example and the allowed errors of each."""

from __future__ import annotations

import base64
import io
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import requests

from airflow_provider_qrt.client import errors, models
from airflow_provider_qrt.client.answers import read_error, read_json
from airflow_provider_qrt.client.reading import read
from airflow_provider_qrt.jobs.failure import describe_failure
from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
from airflow_provider_qrt.plugins import task_results
from airflow_provider_qrt.primitives.arrays.npy import read_array
from airflow_provider_qrt.primitives.circuits.qpy_forms import is_qpy, tag_saved_qpy
from airflow_provider_qrt.primitives.circuits.statements import read_instructions
from airflow_provider_qrt.primitives.circuits.text import blank_noise, check_circuit
from airflow_provider_qrt.primitives.errors import InvalidInputError, InvalidResultError, NoCountsError
from airflow_provider_qrt.primitives.results import arriving
from airflow_provider_qrt.primitives.results.any_result import READERS, read_any_result
from airflow_provider_qrt.primitives.results.arriving import ArrivingResult
from airflow_provider_qrt.primitives.results.decode import decode_estimator_result, decode_sampler_result
from airflow_provider_qrt.primitives.results.estimator_file import read_estimates
from airflow_provider_qrt.primitives.results.estimator_result import EstimatorResult
from airflow_provider_qrt.primitives.results.executor_arrays import (
    ExecutorItemResult,
    ExecutorResult,
    decode_executor_arrays,
)
from airflow_provider_qrt.primitives.results.executor_arrays_file import read_executor
from airflow_provider_qrt.primitives.results.executor_result import decode_executor_result
from airflow_provider_qrt.primitives.results.result_file import ResultFormat
from airflow_provider_qrt.primitives.results.sampler_file import read_sampler
from airflow_provider_qrt.primitives.results.sampler_result import SamplerResult

from . import mutations

Make = Callable[[random.Random], Any]
SMALL = 1 << 22
"""Bytes that a decoder may take here."""
TOO_MANY = 100_000
"""Shots of a result that is not looked through, which would take the time of many inputs."""


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        make: Makes an input.
        run: Reads it, and uses what was read as a task or a page would.
        allowed: The errors that say that it cannot be read.
    """

    make: Make
    run: Callable[[Any], object]
    allowed: tuple[type[Exception], ...]


JOB = {
    "id": "d1abc", "backend": "ibm_fez", "status": "Failed", "created": "2026-11-01T00:00:00Z",
    "state": {"status": "Failed", "reason": "no", "reason_code": 1234, "reason_solution": "yes"},
    "program": {"id": "sampler"}, "tags": ["a", "b"], "session_id": "s-1", "cost": 600, "private": False,
    "usage": {"qpu_charge_time_seconds": 3, "status": "complete", "seconds": 3}, "estimated_running_time_seconds": 2.5, "params": {},
}  # fmt: skip
ANSWERS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "job": (models.Job.from_json, JOB),
    "submitted": (models.SubmittedJob.from_json, {"id": "d1", "backend": "ibm_fez", "session_id": None, "private": True}),
    "metrics": (
        models.JobMetrics.from_json,
        {"timestamps": {"created": "2026-11-01T00:00:00Z"}, "usage": {"quantum_seconds": 2}, "circuits_execution_time_ns": 5},
    ),
    "backend": (
        models.Backend.from_json,
        {
            "name": "ibm_fez",
            "status": {"name": "online", "reason": "available"},
            "queue_length": 3,
            "qubits": 156,
            "processor_type": {"family": "Heron"},
            "wait_time_seconds": {"average": 3.5, "p50": 2, "p95": 9},
            "performance_metrics": {"two_q_error_best": {"value": 0.001}},
        },
    ),
    "backend status": (models.BackendStatus.from_json, {"state": True, "message": "available", "length_queue": 2, "backend_version": "1.2"}),
    "session": (models.Session.from_json, {"id": "s1", "mode": "batch", "state": "open", "accepting_jobs": True, "max_ttl": 60, "interactive_ttl": 1, "elapsed_time": 3, "started_at": "2026-11-01T00:00:00Z"}),
    "instance": (models.Instance.from_json, {"backends": [{"name": "a"}, "b"], "plan_id": "p", "instance_limit_seconds": "5", "usage_allocation_seconds": "7"}),
    "usage": (models.InstanceUsage.from_json, {"usage_consumed_seconds": 1.5, "usage_limit_seconds": 9, "usage_allocation_seconds": "3", "usage_limit_reached": False, "usage_period": {"start_time": "2026-11-01T00:00:00Z", "end_time": None}}),
    "workload": (models.Workload.from_json, {"id": "w", "mode": "job", "status": "pending", "tags": ["x"], "usage_seconds": 4, "accepting_jobs": True}),
    "program": (models.Program.from_json, {"id": "hello", "name": "Hello", "description": "d", "cost": 5, "parameters": "{}"}),
}  # fmt: skip


def _npy(array: Any) -> str:
    file = io.BytesIO()
    np.save(file, array)
    return base64.b64encode(zlib.compress(file.getvalue())).decode()


def _nd(array: Any) -> dict[str, Any]:
    return {"__type__": "ndarray", "__value__": _npy(array)}


_BITS = np.array([[1], [2], [3], [1]], dtype=np.uint8)
SAMPLER_TAGGED = {
    "__type__": "PrimitiveResult",
    "__value__": {
        "pub_results": [
            {
                "__type__": "SamplerPubResult",
                "__value__": {
                    "data": {
                        "__type__": "DataBin",
                        "__value__": {
                            "field_names": ["c"],
                            "fields": {
                                "c": {"__type__": "BitArray", "__value__": {"array": _nd(_BITS), "num_bits": 2}}
                            },
                        },
                    },
                    "metadata": {"circuit_metadata": {}, "spans": _nd(np.arange(3.0))},
                },
            }
        ],
        "metadata": {"version": 2},
    },
}
SAMPLER_PLAIN = {
    "results": [
        {
            "data": {"c": {"samples": ["0x1", "0x0", "0x3"], "num_bits": 2}, "d": {"samples": ["0x1", "0x0", "0x0"], "num_bits": 1}},
            "metadata": {"a": 1},
        }
    ],
    "metadata": {"version": 2},
}  # fmt: skip
SAMPLER_V1 = {"quasi_dists": [{"0": 0.25, "3": 0.75}], "metadata": [{"shots": 100, "readout_mitigation_overhead": 1.5}]}
ESTIMATOR_TAGGED = {
    "__type__": "PrimitiveResult",
    "__value__": {
        "pub_results": [
            {
                "__type__": "PubResult",
                "__value__": {
                    "data": {"__type__": "DataBin", "__value__": {"field_names": ["evs", "stds"], "fields": {"evs": _nd(np.array([0.5, 1.0])), "stds": _nd(np.array([0.1, 0.2]))}}},
                    "metadata": {"shots": 4},
                },
            }
        ],
        "metadata": {},
    },
}  # fmt: skip
ESTIMATOR_PLAIN = {
    "results": [{"data": {"evs": [0.5, 1], "stds": [0.1, None], "extra": [[1], [2]]}, "metadata": {}}],
    "metadata": {},
}
ESTIMATOR_V1 = {"values": [0.5, -1], "metadata": [{"variance": 0.2, "shots": 100}, {}]}
EXECUTOR = {
    "schema_version": "v2.0",
    "data": [{"results": {"c": {"data": base64.b64encode(zlib.compress(b"\x1b")).decode(), "shape": [4, 2], "dtype": "bool"}}, "metadata": {}}],
    "metadata": {},
    "passthrough_data": {"airflow_provider_qrt": {"registers": [["c"]]}},
}  # fmt: skip


def _tensor(array: Any, dtype: str) -> dict[str, Any]:
    return {
        "data": base64.b64encode(zlib.compress(array.tobytes())).decode(),
        "shape": list(array.shape),
        "dtype": dtype,
    }


ARRAYS = {
    "schema_version": "v2.0",
    "data": [
        {
            "results": {
                "c": {"data": base64.b64encode(zlib.compress(b"\x1b")).decode(), "shape": [4, 2], "dtype": "bool"},
                "f": _tensor(np.array([[1.5], [-2.0]]), "f64"),
                "c_iq": _tensor(np.array([1j, 2.0], dtype=np.complex64), "c64"),
                "u": _tensor(np.arange(3, dtype=np.uint16), "u16"),
            },
            "metadata": {"scheduler_timing": {"timing": "x", "circuit_duration": 3}, "stretch_values": None},
        }
    ],
    "metadata": {"chunk_timing": []},
    "passthrough_data": {"a": [1, None]},
}


def _xcom(result: Any) -> dict[str, Any]:
    return {
        "job_id": "d1",
        "program_id": "sampler",
        "metadata": {},
        "results": json.loads(json.dumps(result.to_xcom_results())),
    }


SAMPLER_RESULT, ESTIMATOR_RESULT = decode_sampler_result(SAMPLER_PLAIN), decode_estimator_result(ESTIMATOR_PLAIN)
QUASI_RESULT = decode_sampler_result(SAMPLER_V1)
ARRAYS_RESULT = decode_executor_arrays(ARRAYS)
PROGRAM = 'OPENQASM 3.0; include "stdgates.inc"; input float a; bit[2] c; rx(a) $0; cx $0, $1; c[0] = measure $0; c[1] = measure $1;'


def _files(result_format: ResultFormat, *results: Any) -> list[bytes]:
    written = []
    for result in results:
        file = io.BytesIO()
        result.write(file, result_format, {"job_id": "d1"})
        written.append(file.getvalue())
    return written


def _qpy() -> bytes:
    return b"QISKIT" + bytes([13, 2, 0, 0]) + (1).to_bytes(8, "big") + bytes(range(64))


def _of_json(*documents: Any) -> Make:
    return lambda source: mutations.mutate_json(source.choice(documents), source)


def _of_text(*documents: Any) -> Make:
    def make(source: random.Random) -> str:
        text = mutations.as_text(mutations.mutate_json(source.choice(documents), source), source)
        if source.random() < 0.2:
            return mutations.mutate_bytes(text.encode("utf-8", "surrogatepass"), source).decode("utf-8", "replace")
        return text

    return make


def _of_bytes(*examples: bytes) -> Make:
    return lambda source: mutations.mutate_bytes(source.choice(examples), source)


def _answer(reader: Callable[[Any], Any], text: str) -> None:
    response = _response(text.encode("utf-8", "replace"), 200)
    value = read(reader, read_json(response, "GET /x"))
    shown = repr(value)
    if isinstance(value, models.Job):
        json.dumps(value.to_json(), allow_nan=False).encode("ascii")
        shown = describe_failure(value, "log")
    shown.encode("utf-8")


def _response(content: bytes, status: int) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = content
    response.reason = "Bad"
    return response


def _refusal(text: str) -> None:
    body = read_error(_response(text.encode("utf-8", "replace"), 400))
    str(errors.BadRequestError(400, body, request="GET /x")).encode("utf-8")


def _use(result: Any) -> None:
    """Process a result like a task: bound its size, write it to XCom as strict JSON, and show it on the page."""
    if (
        isinstance(result, SamplerResult)
        and sum(pub.shots or 0 for pub in result.pubs if not pub.quasi_dists) > TOO_MANY
    ):
        return
    result.estimated_xcom_bytes()
    if isinstance(result, ExecutorResult):
        json.dumps(result.job_facts(), allow_nan=False)
    value = {"job_id": "x", "program_id": "sampler", "results": result.to_xcom_results()}
    json.dumps(value, allow_nan=False)
    _page(value)


def _page(value: Any) -> None:
    if task_results.is_result(value):
        views, _ = task_results.pub_views(value)
        repr(views)
        task_results.csv_text(value).encode("utf-8", "replace")
        task_results.has_values(value)
    task_results.circuit_sources(value if isinstance(value, dict) else None)


def _decode(decode: Callable[..., Any], text: Any) -> None:
    _use(decode(text, max_bytes=SMALL))


def _outcome(decode: Callable[..., Any], payload: Any) -> str:
    try:
        result = decode(payload, max_bytes=SMALL)
    except InvalidResultError as error:
        return f"InvalidResultError: {error}"
    if isinstance(result, SamplerResult):
        return repr(
            [(pub.metadata, {name: one.array.tobytes() for name, one in pub.registers.items()}) for pub in result.pubs]
        )
    return repr([(pub.metadata, {name: one.tobytes() for name, one in pub.data.items()}) for pub in result.pubs])


def _arriving(decode: Callable[..., Any], text: str) -> None:
    """Decode a text as it arrives in pieces, which must have the outcome of the whole text."""
    body = text.encode("utf-8", "replace")
    source, start, result = random.Random(len(body)), 0, ArrivingResult(SMALL)
    # The examples are short.
    with patch.object(arriving, "SHORTEST", 8):
        while start < len(body):
            end = start + source.choice([1, 5, 40, 1000])
            result.write(body[start:end])
            start = end
    whole = body.decode("utf-8", "replace")
    if (told := _outcome(decode, result)) != (expected := _outcome(decode, whole)):
        raise AssertionError(f"{told[:80]} instead of {expected[:80]}")


def _arrays_file(data: bytes) -> None:
    items, metadata, passthrough, job = read_executor(data, SMALL)
    read = tuple(ExecutorItemResult(*item) for item in items)
    _use(ExecutorResult(read, metadata, passthrough, job))


def _any(text: str) -> None:
    for program in (None, *READERS):
        try:
            result = read_any_result(program, text)
        except InvalidResultError:
            continue
        if program is None:
            json.dumps(result.to_xcom_results(), allow_nan=False)


def _qpy_text(data: bytes) -> None:
    for form in (data, base64.b64encode(data).decode(), base64.b64encode(zlib.compress(data)).decode()):
        if is_qpy(form):
            try:
                tag_saved_qpy(form, "circuits[0]")
            except InvalidInputError:
                continue


def _program(text: str) -> None:
    try:
        check_circuit(text, strict=False)
    except InvalidInputError as error:
        str(error)
    for _ in read_instructions(blank_noise(text)):
        pass


def _event(event: Any) -> None:
    WaitOutcome.from_event(event)


READ = (errors.UnexpectedAnswerError,)
RESULT = (InvalidResultError, NoCountsError)
TARGETS: dict[str, Target] = {
    **{
        f"answer: {name}": Target(_of_text(example), partial(_answer, reader), READ)
        for name, (reader, example) in ANSWERS.items()
    },
    "answer: refusal": Target(
        _of_text({"errors": [{"code": 1291, "message": "m", "solution": "s"}], "trace": "t"}, {"errorCode": "B", "errorMessage": "m", "context": {"requestId": 1}}, {"error": {"code": 1, "message": "x"}}),
        _refusal,
        (),
    ),
    "result: sampler": Target(_of_text(SAMPLER_TAGGED, SAMPLER_PLAIN, SAMPLER_V1), partial(_decode, decode_sampler_result), RESULT),
    "result: estimator": Target(_of_text(ESTIMATOR_TAGGED, ESTIMATOR_PLAIN, ESTIMATOR_V1), partial(_decode, decode_estimator_result), RESULT),
    "result: executor": Target(_of_text(EXECUTOR), partial(_decode, decode_executor_result), RESULT),
    "result: arrays": Target(_of_text(ARRAYS, EXECUTOR), partial(_decode, decode_executor_arrays), RESULT),
    "result: sampler, arriving": Target(_of_text(SAMPLER_TAGGED, SAMPLER_PLAIN, EXECUTOR), partial(_arriving, decode_sampler_result), RESULT),
    "result: estimator, arriving": Target(_of_text(ESTIMATOR_TAGGED, ESTIMATOR_PLAIN), partial(_arriving, decode_estimator_result), RESULT),
    "result: any program": Target(_of_text(SAMPLER_PLAIN, ESTIMATOR_PLAIN, EXECUTOR, {"a": [1]}), _any, ()),
    "array: npy": Target(
        lambda source: base64.b64encode(zlib.compress(mutations.mutate_bytes(zlib.decompress(base64.b64decode(_npy(_BITS))), source))).decode(),
        lambda text: read_array(text, SMALL),
        RESULT,
    ),
    "array: packed": Target(
        lambda source: mutations.mutate_bytes(_npy(_BITS).encode(), source).decode("latin-1"), lambda text: read_array(text, SMALL), RESULT
    ),
    "xcom: sampler": Target(_of_json(_xcom(SAMPLER_RESULT), _xcom(QUASI_RESULT)), lambda value: _use(SamplerResult.from_xcom(value)), RESULT),
    "xcom: estimator": Target(_of_json(_xcom(ESTIMATOR_RESULT)), lambda value: _use(EstimatorResult.from_xcom(value)), RESULT),
    "xcom: arrays": Target(_of_json(_xcom(ARRAYS_RESULT)), lambda value: _use(ExecutorResult.from_xcom(value)), RESULT),
    "file: arrays": Target(_of_bytes(*_files(ResultFormat.NPZ, ARRAYS_RESULT), *_files(ResultFormat.JSON, ARRAYS_RESULT)), _arrays_file, RESULT),
    "file: npz": Target(_of_bytes(*_files(ResultFormat.NPZ, SAMPLER_RESULT, QUASI_RESULT)), lambda data: _use(SamplerResult(*read_sampler(data, SMALL))), RESULT),
    "file: npz of estimates": Target(_of_bytes(*_files(ResultFormat.NPZ, ESTIMATOR_RESULT)), lambda data: _use(EstimatorResult(*read_estimates(data, SMALL))), RESULT),
    "file: parquet": Target(_of_bytes(*_files(ResultFormat.PARQUET, SAMPLER_RESULT, QUASI_RESULT)), lambda data: _use(SamplerResult(*read_sampler(data, SMALL))), RESULT),
    "file: parquet of estimates": Target(_of_bytes(*_files(ResultFormat.PARQUET, ESTIMATOR_RESULT)), lambda data: _use(EstimatorResult(*read_estimates(data, SMALL))), RESULT),
    "file: json": Target(_of_bytes(*_files(ResultFormat.JSON, SAMPLER_RESULT, QUASI_RESULT)), lambda data: _use(SamplerResult(*read_sampler(data, SMALL))), RESULT),
    "circuit: qpy": Target(_of_bytes(_qpy(), zlib.compress(_qpy())), _qpy_text, ()),
    "circuit: text": Target(lambda source: mutations.mutate_text(PROGRAM, source), _program, ()),
    "page: result": Target(_of_json(_xcom(SAMPLER_RESULT), _xcom(QUASI_RESULT), _xcom(ESTIMATOR_RESULT)), _page, ()),
}  # fmt: skip
