"""Checks of the table's rows about programs, their inputs and their results."""

from __future__ import annotations

import base64
import io
import math
import zlib
from typing import Any

import numpy as np
import pytest

from airflow_provider_qrt.emulator import Emulator

from .reference_checks_api import opened, refuses
from .reference_table import check

X = 'OPENQASM 3.0; include "stdgates.inc"; bit[2] m; x $0; m[0] = measure $0; m[1] = measure $1;'
ANGLE = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] a; bit[1] m; rx(a) $0; m[0] = measure $0;'
BARE = 'OPENQASM 3.0; include "stdgates.inc"; x $0; rz(0) $1;'
NOTHING = {"data": "eJwDAAAAAAE=", "shape": [0], "dtype": "f64"}


def sampled(api: Any, *pub: Any, **params: Any) -> Any:
    return api.result(api.submit(pub, params=params))["results"][0]["data"]


def estimated(api: Any, *pub: Any, **params: Any) -> Any:
    return api.result(api.submit(pub, program_id="estimator", params=params))["results"][0]


def tensor(values: Any) -> dict[str, Any]:
    array = np.asarray(values, dtype="<f8")
    data = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return {"data": data, "shape": list(array.shape), "dtype": "f64"}


def program(text: str = X, arguments: Any = NOTHING, **more: Any) -> dict[str, Any]:
    item = {"item_type": "circuit", "circuit_arguments": arguments, "shape": [], "chunk_size": "auto"}
    whole = {"shots": 10, "meas_level": "classified", "circuits": {"data": [text]}, "items": [item], **more}
    return {"schema_version": "v2.0", "quantum_program": whole, "options": {}}


def execute(api: Any, params: Any, **body: Any) -> Any:
    whole = {"program_id": "executor", "backend": "ibm_fez", "params": params, **body}
    return api.send("POST", "/jobs", json=whole)


def executed(api: Any, params: Any, **body: Any) -> Any:
    answer = execute(api, params, **body)
    assert answer.status_code == 200, answer.text
    return api.result(answer.json()["id"])


def bits(found: dict[str, Any]) -> Any:
    raw = np.frombuffer(zlib.decompress(base64.b64decode(found["data"])), dtype=np.uint8)
    return np.unpackbits(raw, count=math.prod(found["shape"]), bitorder="little").reshape(found["shape"])


def load_nd(value: dict[str, Any]) -> Any:
    assert value["__type__"] == "ndarray"
    raw = zlib.decompress(base64.b64decode(value["__value__"]))
    return np.load(io.BytesIO(raw), allow_pickle=False)


def qpy(measured: bool = True) -> str:
    from qiskit import QuantumCircuit, qpy

    circuit = QuantumCircuit(2)
    circuit.x(0)
    if measured:
        circuit.measure_all()
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=13)
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


# Programs and circuits.


@check("R-programs")
def _(api):
    assert sampled(api, X, None, 1)
    assert estimated(api, BARE, "IZ")
    assert executed(api, program())


@check("R-noise-learner")
def _(api):
    def learn(**params: Any) -> Any:
        return api.send("POST", "/jobs", json={"program_id": "noise-learner", "backend": "ibm_fez", "params": params})

    layered = 'OPENQASM 3.0; include "stdgates.inc"; cz $0, $1; cz $0, $1; cz $2, $3;'
    result = api.result(learn(version=2, circuits=[layered], options={}).json()["id"])
    assert [layer["__value__"]["qubits"] for layer in result["data"]] == [[0, 1, 2, 3]] * 2
    refuses(api, 400, learn(version=1, circuits=[layered]))
    refuses(api, 400, learn(schema_version="v9", instructions={}, options={}))


@check("R-calibrate")
def _(api):
    def calibrate(**body: Any) -> Any:
        params = {"schema_version": "v0.1", "options": {"experimental": {}}}
        return api.send(
            "POST", "/jobs", json={"program_id": "calibrate", "backend": "ibm_fez", "params": params, **body}
        )

    refuses(api, 400, calibrate())
    refuses(api, 400, calibrate(session_id=opened(api, mode="batch")))
    session_id = opened(api)
    result = api.result(calibrate(session_id=session_id).json()["id"])
    assert result["start"] <= result["stop"]
    assert api.get("/backends/ibm_fez/properties").json()["last_update_date"] == result["stop"]


@check("R-program-unknown")
def _(api):
    refuses(api, 404, api.post_job(X, program_id="nothing"), 1222)
    api.emulator.configure(withdrawn_programs=["sampler"])
    refuses(api, 404, api.post_job((X, None, 1)), 1222)


@check("R-programs-gone")
def _(api):
    for name in ("circuit-runner", "qasm3-runner", "nothing"):
        refuses(api, 404, api.post_job(X, program_id=name))
    refuses(
        api,
        400,
        api.send(
            "POST",
            "/jobs",
            json={
                "program_id": "sampler",
                "backend": "ibm_fez",
                "params": {"circuits": [X], "run_options": {}},
            },
        ),
    )


@check("R-isa")
def _(api):
    basis = f"{api.qasm}bit[1] c; h $0; c[0] = measure $0;"
    assert api.failure((basis, None, 1))["reason_code"] == 7000
    apart = f"{api.qasm}bit[1] c; cz $0, $100; c[0] = measure $0;"
    assert api.failure((apart, None, 1))["reason_code"] == 7001


@check("R-virtual-qubits")
def _(api):
    source = f"{api.qasm}qubit[2] q; bit[2] m; x q[1]; m = measure q;"
    assert sampled(api, source, None, 1)["m"]["samples"] == ["0x2"]


@check("R-stdgates")
def _(api):
    tail = "bit[1] c; rzz(0.3) $0, $1; c[0] = measure $0;"
    assert api.failure((f"{api.qasm}{tail}", None, 1))["status"] == "Failed"
    declared = f"{api.qasm}gate rzz(t) a, b {{ cx a, b; rz(t) b; cx a, b; }} {tail}"
    assert sampled(api, declared, None, 1)["c"]["samples"] == ["0x0"]


@check("R-registers")
def _(api):
    source = f"{api.qasm}bit[1] first; bit[2] second; x $0; first[0] = measure $0; second[1] = measure $0;"
    data = sampled(api, source, None, 1)
    assert data["first"] == {"samples": ["0x1"], "num_bits": 1}
    assert data["second"] == {"samples": ["0x2"], "num_bits": 2}


@check("R-register-names")
def _(api):
    for register in ("bit[1] lambda_", "bit[1] ψ"):
        name = register.split()[1]
        assert sampled(api, f"{api.qasm}{register}; {name}[0] = measure $0;", None, 1)[name]["num_bits"] == 1
    for register in ("bit[1] class", "bit[0] nothing"):
        name = register.split()[1]
        asked = f"{api.qasm}{register}; bit[1] c; c[0] = measure $0;"
        assert name in api.failure((asked, None, 1))["reason"]


@check("R-openqasm-text")
def _(api):
    source = "\ufeff" + f"{api.qasm}const int d = 2; bit[d ** 2] c; bit single; id $0; x $0; c[3] = measure $0;"
    data = sampled(api, f"{source} single = measure $0;", None, 1)
    assert data["c"] == {"samples": ["0x8"], "num_bits": 4}
    assert data["single"] == {"samples": ["0x1"], "num_bits": 1}


@check("R-out-of-service")
def _(api):
    api.emulator.configure(backends={"ibm_fez": {"faulty_qubits": [3], "faulty_gates": [["cz", [1, 2]]]}})
    assert "out of service" in api.failure((f"{api.qasm}bit[1] c; x $3; c[0] = measure $3;", None, 1))["reason"]
    assert "out of service" in api.failure((f"{api.qasm}bit[1] c; cz $1, $2; c[0] = measure $1;", None, 1))["reason"]
    assert sampled(api, f"{api.qasm}bit[1] c; cz $0, $1; c[0] = measure $1;", None, 1)["c"]["samples"] == ["0x0"]


RZZ = "gate rzz(t) a, b { cx a, b; rz(t) b; cx a, b; }"


@check("R-rzz-angle")
def _(api):
    source = f"{api.qasm}{RZZ} input float[64] a; bit[1] c; rzz(2 * a) $0, $1; c[0] = measure $0;"
    assert sampled(api, source, [0.7], 1)["c"]["samples"] == ["0x0"]
    for angle in (-0.1, 0.8):
        assert "rzz" in api.failure((source, [angle], 1))["reason"]


@check("R-fractional-twirling")
def _(api):
    source = f"{api.qasm}{RZZ} bit[1] c; rzz(0.3) $0, $1; c[0] = measure $0;"
    twirled = {"options": {"twirling": {"enable_gates": True}}}
    assert "fractional" in api.failure((source, None, 1), params=twirled)["reason"]
    assert sampled(api, source, None, 1)["c"]["samples"] == ["0x0"]


@check("R-decoupling-control-flow")
def _(api):
    source = f"{api.qasm}bit[1] c; c[0] = measure $0; if (c[0]) {{ x $0; }} c[0] = measure $0;"
    decoupled = {"options": {"dynamical_decoupling": {"enable": True}}}
    assert "decoupling" in api.failure((source, None, 1), params=decoupled)["reason"]
    assert sampled(api, source, None, 1)["c"]["samples"] == ["0x0"]


@check("R-twirled-shots")
def _(api):
    twirling = {"enable_measure": True, "num_randomizations": 10, "shots_per_randomization": 20}
    options = {"default_shots": 7, "twirling": twirling}
    assert len(sampled(api, X, options=options)["m"]["samples"]) == 200


@check("R-text-parameters")
def _(api):
    assert sampled(api, ANGLE, {"a": math.pi}, 3)["m"]["samples"] == ["0x1"] * 3
    assert sampled(api, ANGLE, [math.pi], 3)["m"]["samples"] == ["0x1"] * 3


@check("R-parameter-order")
def _(api):
    source = f"{api.qasm}input float[64] w; input float[64] a; bit[2] m; rx(w) $0; rx(a) $1; " + X[X.index("m[0]") :]
    assert sampled(api, source, [math.pi, 0], 1)["m"]["samples"] == ["0x2"]


@check("R-text-width")
def _(api):
    source = f"{api.qasm}x $5;"
    assert estimated(api, source, "ZIIIII")["data"]["evs"] == -1
    answer = api.failure((source, "Z"), program_id="estimator")
    assert answer["status"] == "Failed"


@check("R-qpy")
def _(api):
    encoded = {"__type__": "QuantumCircuit", "__value__": qpy()}
    assert sampled(api, encoded, None, 2)["meas"]["samples"] == ["0x1"] * 2
    assert api.failure(({**encoded, "__value__": "AAAA"}, None, 2))["status"] == "Failed"


@check("R-dynamic-circuits")
def _(api):
    source = f"{api.qasm}bit[1] c; bit[1] d; x $0; c[0] = measure $0; if (c[0]) {{ x $1; }} d[0] = measure $1;"
    assert sampled(api, source, None, 1)["d"]["samples"] == ["0x1"]
    assert api.failure((source.replace("if", "while"), None, 1))["reason_code"] == 7000


@check("R-timing")
def _(api):
    source = f"{api.qasm}bit[1] c; stretch a; x $0; delay[2*a] $0; box[1s] {{ delay[1s] $0; }} c[0] = measure $0;"
    assert sampled(api, source, None, 1)["c"]["samples"] == ["0x1"]


@check("R-wide-circuits")
def _(api):
    source = f"{api.qasm}bit[2] m; " + "".join(f"rx(0.3) ${n}; " for n in range(2)) + "cz $0, $1; m[0] = measure $0;"
    api.emulator.configure(max_active_qubits=1)
    try:
        state = api.failure((source, None, 1))
    finally:
        api.emulator.configure(max_active_qubits=24)
    assert state["reason_code"] == 5204


@check("R-device-noise")
def _(api):
    assert set(sampled(api, X, None, 2_000)["m"]["samples"]) == {"0x1"}


# The sampler.


@check("R-sampler-pubs")
def _(api):
    whole = api.result(api.submit(X, (X,), (X, None), (X, None, 5)))
    assert [len(one["data"]["m"]["samples"]) for one in whole["results"]] == [4096, 4096, 4096, 5]
    refuses(api, 400, api.post_job(params={"pubs": []}))
    refuses(api, 400, api.post_job((X, None, 1, 2)))


@check("R-primitive-version")
def _(api):
    assert api.post_job((X, None, 1), params={"version": 2}).status_code == 200
    assert api.post_job((X, None, 1), params={"version": 1}).status_code == 400
    body = {"program_id": "sampler", "backend": "ibm_fez", "params": {"pubs": [[X, None, 1]]}}
    assert api.send("POST", "/jobs", json=body).status_code == 200


@check("R-support-qiskit")
def _(api):
    assert "results" in api.result(api.submit((X, None, 1)))
    assert "results" in api.result(api.submit((X, None, 1), params={"support_qiskit": False}))
    assert "__type__" in api.result(api.submit((X, None, 1), params={"support_qiskit": True}))


@check("R-closed-objects")
def _(api):
    for params in ({"unknown": 1}, {"options": {"transpilation": {}}}, {"options": {"twirling": {"unknown": 1}}}):
        refuses(api, 400, api.post_job((X, None, 1), params=params))
        refuses(api, 400, api.post_job((BARE, "IZ"), program_id="estimator", params=params))


@check("R-sampler-options")
def _(api):
    options = {
        "dynamical_decoupling": {"enable": True, "sequence_type": "XY4"},
        "execution": {"init_qubits": True, "rep_delay": 0.001, "meas_type": "classified"},
        "twirling": {"enable_gates": True, "num_randomizations": "auto", "strategy": "all"},
        "simulator": {},
        "experimental": {},
    }
    assert sampled(api, X, None, 2, options=options)["m"]["samples"] == ["0x1"] * 2


@check("R-meas-type")
def _(api):
    def read(meas_type: str, twirled: bool = False) -> Any:
        options = {"execution": {"meas_type": meas_type}, "twirling": {"enable_measure": twirled}}
        return api.post_job((X, None, 5), params={"options": options})

    points = api.result(read("kerneled").json()["id"])["results"][0]["data"]["m"]
    assert np.shape(points) == (5, 2, 2)
    assert np.shape(api.result(read("avg_kerneled").json()["id"])["results"][0]["data"]["m"]) == (2, 2)
    refuses(api, 400, read("unknown"))
    refuses(api, 400, read("kerneled", twirled=True))


@check("R-shots")
def _(api):
    def shots(*pub: Any, **params: Any) -> int:
        return len(sampled(api, *pub, **params)["m"]["samples"])

    options = {"default_shots": 7}
    assert shots(X) == 4096
    assert shots(X, options=options) == 7
    assert shots(X, shots=5, options=options) == 5
    assert shots(X, None, 3, shots=5, options=options) == 3


# The estimator.


@check("R-estimator-observables")
def _(api):
    assert estimated(api, BARE, "IZ")["data"]["evs"] == -1
    assert estimated(api, BARE, {"IZ": 2.0, "ZI": 0.5})["data"]["evs"] == -1.5
    assert estimated(api, BARE, [["IZ"], ["ZI"]])["data"]["evs"] == [[-1], [1]]


@check("R-estimator-measurements")
def _(api):
    assert api.failure((X, "ZZ"), program_id="estimator")["status"] == "Failed"


@check("R-precision")
def _(api):
    def aim(*pub: Any, **params: Any) -> Any:
        return estimated(api, BARE, "IX", *pub, **params)["metadata"]["target_precision"]

    options = {"default_precision": 0.3}
    assert aim() == 0.015625
    assert aim(options=options) == 0.3
    assert aim(precision=0.2, options=options) == 0.2
    assert aim(None, 0.1, precision=0.2) == 0.1
    assert aim(options={"default_precision": 0.3, "default_shots": 100}) == pytest.approx(0.1)


@check("R-resilience-level")
def _(api):
    for level in (0, 1, 2):
        data = estimated(api, BARE, "IZ", resilience_level=level)["data"]
        assert data["evs"] == -1
        assert ("evs_extrapolated" in data) == (level == 2)
    refuses(api, 400, api.post_job((BARE, "IZ"), program_id="estimator", params={"resilience_level": 3}))


@check("R-zne-pec")
def _(api):
    options = {"resilience": {"zne_mitigation": True, "pec_mitigation": True}}
    refuses(api, 400, api.post_job((BARE, "IZ"), program_id="estimator", params={"options": options}))


def mitigated(api: Any, **resilience: Any) -> Any:
    worn = 'OPENQASM 3.0; include "stdgates.inc"; ' + "cz $0, $1; " * 10
    return estimated(api, worn, "ZZ", None, 0.005, options={"resilience": resilience})["data"]


@check("R-zne-factors")
def _(api):
    def extrapolate(name: str, *factors: float) -> Any:
        options = {"resilience": {"zne_mitigation": True, "zne": {"extrapolator": name, "noise_factors": factors}}}
        return api.post_job((BARE, "IZ"), program_id="estimator", params={"options": options})

    for name, least in {"linear": 2, "exponential": 2, "double_exponential": 4, "polynomial_degree_3": 4}.items():
        assert extrapolate(name, *range(1, least + 1)).status_code == 200
        refuses(api, 400, extrapolate(name, *range(1, least)))


@check("R-mitigation")
def _(api):
    with Emulator(noise=True, queue_seconds=0, run_seconds=0, rate_limit=False, seed=4) as emulator:
        noisy = type(api)(emulator)
        raw = abs(mitigated(noisy)["evs"] - 1)
        for resilience in ({"zne_mitigation": True}, {"pec_mitigation": True}):
            assert abs(mitigated(noisy, **resilience)["evs"] - 1) < 0.5 * raw


@check("R-zne-results")
def _(api):
    data = mitigated(api, zne_mitigation=True, zne={"noise_factors": [1, 3, 5], "extrapolator": "linear"})
    for name in ("evs_noise_factors", "stds_noise_factors", "ensemble_stds_noise_factors"):
        assert np.shape(data[name]) == (3,)
    for name in ("evs_extrapolated", "stds_extrapolated"):
        assert np.shape(data[name]) == (1, 4)


# The executor.


@check("R-executor-schema")
def _(api):
    for version in ("v0.1", "v1.0", None):
        refuses(api, 400, execute(api, {**program(), "schema_version": version}))


@check("R-executor-circuits")
def _(api):
    assert (bits(executed(api, program())["data"][0]["results"]["m"]) == [1, 0]).all()
    blob = {"b64_data": qpy(), "qpy_version": 13, "num_programs": 1}
    assert (bits(executed(api, program(circuits=blob))["data"][0]["results"]["meas"]) == [1, 0]).all()


@check("R-executor-items")
def _(api):
    refuses(api, 400, execute(api, program(items=[])))
    one = program()["quantum_program"]["items"][0]
    refuses(api, 400, execute(api, program(items=[one, one])))


@check("R-executor-arguments")
def _(api):
    found = executed(api, program(ANGLE, tensor([[0.0], [math.pi]])))["data"][0]["results"]["m"]
    assert found["shape"] == [2, 10, 1]
    assert bits(found).mean(axis=(1, 2)).tolist() == [0, 1]


@check("R-executor-samplex")
def _(api):
    # That a good one is drawn from is shown by the official client's own primitives.
    one = {"item_type": "samplex", "samplex_arguments": {}, "shape": [], "chunk_size": "auto"}
    refuses(api, 400, execute(api, program(items=[{**one, "samplex": {}}])))
    answer = execute(api, program(items=[{**one, "samplex": {"ssv": 1, "samplex_json": "{}"}}]))
    assert answer.status_code == 200
    assert api.wait(answer.json()["id"])["state"]["status"] == "Failed"


@check("R-executor-meas-level")
def _(api):
    for level, shapes in {
        "kerneled": {"m_iq": [10, 2]},
        "avg_kerneled": {"m_avg_iq": [2]},
        "both": {"m": [10, 2], "m_iq": [10, 2]},
    }.items():
        results = executed(api, program(meas_level=level))["data"][0]["results"]
        assert {name: tensor["shape"] for name, tensor in results.items()} == shapes
    refuses(api, 400, execute(api, program(meas_level="unknown")))


@check("R-executor-passthrough")
def _(api):
    data = {"dag": ["a", {"b": 1}]}
    assert executed(api, program(passthrough_data=data))["passthrough_data"] == data


@check("R-executor-semantic-role")
def _(api):
    assert executed(api, program(semantic_role="mine"))["semantic_role"] == "mine"


@check("R-executor-chunk-size")
def _(api):
    items = [{**program()["quantum_program"]["items"][0], "chunk_size": 5}]
    refuses(api, 400, execute(api, program(items=items)))
    assert executed(api, program(items=items), session_id=opened(api))


@check("R-executor-options")
def _(api):
    options = {"init_qubits": True, "rep_delay": None, "scheduler_timing": True, "stretch_values": True}
    result = executed(api, {**program(), "options": {**options, "experimental": {}}})
    metadata = result["data"][0]["metadata"]
    assert metadata["stretch_values"] == []
    assert metadata["scheduler_timing"]["circuit_duration"] > 0
    assert metadata["scheduler_timing"]["timing"].startswith("main,x_0,Qubit 0,0,")
    assert executed(api, program())["data"][0]["metadata"] == {"scheduler_timing": None, "stretch_values": None}
    refuses(api, 400, execute(api, {**program(), "options": {"unknown": 1}}))


# Results.


@check("R-plain-sampler")
def _(api):
    assert api.result(api.submit((X, None, 2))) == {
        "results": [{"data": {"m": {"samples": ["0x1"] * 2, "num_bits": 2}}, "metadata": {"circuit_metadata": {}}}],
        "metadata": {"version": 2},
    }


@check("R-plain-sweep")
def _(api):
    found = sampled(api, ANGLE, {"a": [[0.0], [math.pi]]}, 2)["m"]["samples"]
    assert found in ([[["0x0"] * 2], [["0x1"] * 2]], [["0x0"] * 2, ["0x1"] * 2])


@check("R-plain-estimator")
def _(api):
    one = estimated(api, BARE, "IX")
    assert {"evs", "stds", "ensemble_standard_error"} <= set(one["data"])
    assert set(one["metadata"]) == {"shots", "target_precision", "circuit_metadata"}


@check("R-nan")
def _(api):
    job_id = api.submit((BARE, ["IX", "IZ"]), program_id="estimator")
    api.result(job_id)
    assert "NaN" not in api.get(f"/jobs/{job_id}/results").text


@check("R-tagged-sampler", "R-bit-array")
def _(api):
    whole = api.result(api.submit((X, None, 3), params={"support_qiskit": True}))
    assert whole["__type__"] == "PrimitiveResult"
    (pub,) = whole["__value__"]["pub_results"]
    assert pub["__type__"] == "SamplerPubResult"
    data = pub["__value__"]["data"]
    assert data["__type__"] == "DataBin"
    assert set(data["__value__"]) == {"field_names", "field_types", "shape", "fields"}
    array = data["__value__"]["fields"]["m"]
    assert (array["__type__"], array["__value__"]["num_bits"]) == ("BitArray", 2)
    packed = load_nd(array["__value__"]["array"])
    assert (packed.shape, packed.dtype) == ((3, 1), np.uint8)
    assert np.unpackbits(packed, axis=-1)[..., -2:].tolist() == [[0, 1]] * 3


@check("R-tagged-estimator")
def _(api):
    job_id = api.submit((BARE, ["IZ", "ZI"]), program_id="estimator", params={"support_qiskit": True})
    (pub,) = api.result(job_id)["__value__"]["pub_results"]
    assert pub["__type__"] in ("EstimatorPubResult", "PubResult")
    assert load_nd(pub["__value__"]["data"]["__value__"]["fields"]["evs"]).tolist() == [-1, 1]


@check("R-execution-spans")
def _(api):
    whole = api.result(api.submit((X, None, 3), params={"support_qiskit": True}))
    spans = whole["__value__"]["metadata"]["execution"]["execution_spans"]
    assert spans["__type__"] == "ExecutionSpans"
    (span,) = spans["__value__"]["spans"]
    assert span["__type__"] == "DoubleSliceSpan"
    assert span["__value__"]["start"]["__type__"] == "datetime"


@check("R-executor-result")
def _(api):
    result = executed(api, program())
    assert set(result) == {"schema_version", "data", "metadata", "passthrough_data", "semantic_role"}
    (chunk,) = result["metadata"]["chunk_timing"]
    assert set(chunk) == {"start", "stop", "parts"}
    assert set(chunk["parts"][0]) == {"idx_item", "size", "permutation", "element_range"}


@check("R-executor-bits")
def _(api):
    found = executed(api, program())["data"][0]["results"]["m"]
    assert (found["dtype"], found["shape"]) == ("bool", [10, 2])
    assert bits(found).tolist() == [[1, 0]] * 10


@check("R-v1-results")
def _(api):
    assert "quasi_dists" not in api.result(api.submit((X, None, 1)))
