"""The estimator's mitigation of gate errors: extrapolation to no noise, and error cancellation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.emulator.mitigation import LEAST_FACTORS, Zne
from airflow_provider_qrt.emulator.simulation import extrapolation

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LAYERS = 10
FIELDS = {"evs", "stds", "evs_noise_factors", "stds_noise_factors", "ensemble_stds_noise_factors"} | {
    "evs_extrapolated",
    "stds_extrapolated",
}


@pytest.fixture(scope="module")
def noisy():
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=4, noise=True) as emulator:
        yield emulator


def worn(api):
    """A circuit that does nothing to |00>, with many noisy gates: each value of Z is 1 without noise."""
    return f"{api.qasm} " + "cz $0, $1; " * LAYERS


def estimated(api, *pub, tagged=False, backend="ibm_fez", level=0, **options):
    params = {"resilience_level": level, "options": options, "support_qiskit": tagged}
    return api.result(api.submit(pub, program_id="estimator", params=params, backend=backend))


def values(api, level=1, **resilience):
    pub = (worn(api), ["ZZ", {"IZ": 0.5, "ZI": 0.5}], None, 0.005)
    data = estimated(api, *pub, level=level, resilience=resilience)["results"][0]["data"]
    return {name: np.array(value) for name, value in data.items()}


def error(found):
    return float(np.abs(found["evs"] - 1).max())


@pytest.mark.parametrize("amplifier", ["gate_folding", "gate_folding_front", "gate_folding_back", "pea"])
def test_extrapolation_brings_values_nearer_to_those_without_noise(noisy, connect, amplifier):
    api = connect(noisy)
    raw = values(api)
    assert error(raw) > 0.08
    zne = {"amplifier": amplifier, "noise_factors": [1, 2, 3], "extrapolator": "exponential"}
    found = values(api, zne_mitigation=True, zne=zne)
    assert error(found) < 0.5 * error(raw)
    # Values fall as noise grows, and the first is the one without mitigation.
    assert (np.diff(found["evs_noise_factors"], axis=1) < 0).all()
    assert np.allclose(found["evs_noise_factors"][:, 0], raw["evs"], atol=0.05)


def test_folding_amplifies_as_many_gates_as_the_factor_says(noisy, connect):
    api = connect(noisy)
    found = values(api, zne_mitigation=True, zne={"noise_factors": [1, 1.4, 3]})
    gates = api.get("/backends/ibm_fez/properties").json()["gates"]
    (calibrated,) = (one for one in gates if (one["gate"], one["qubits"]) == ("cz", [0, 1]))
    intact = 1 - calibrated["parameters"][0]["value"] * 4 / 3
    for place, factor in enumerate((1, 1.4, 3)):
        expected = intact ** (LAYERS * factor)
        assert found["evs_noise_factors"][0][place] == pytest.approx(expected, abs=5 * 0.005)


def test_cancellation_brings_values_nearer_and_says_what_it_costs(noisy, connect):
    api = connect(noisy)
    raw = values(api)
    assert error(values(api, pec_mitigation=True)) < 0.5 * error(raw)
    half = values(api, pec_mitigation=True, pec={"noise_gain": 0.5})
    assert error(raw) > error(half) > 0.25 * error(raw)
    assert np.allclose(values(api, pec_mitigation=True, pec={"noise_gain": 1})["evs"], raw["evs"], atol=0.05)
    pub = (worn(api), "ZZ", None, 0.05)
    overheads = []
    for most in (100, 1.5, None):
        result = estimated(api, *pub, resilience={"pec_mitigation": True, "pec": {"max_overhead": most}})
        overheads.append(result["results"][0]["metadata"]["resilience"]["pec"]["num_randomizations_scaling"])
    assert overheads[0] == overheads[2] > 1.5
    assert overheads[1] == pytest.approx(1.5)


def test_the_extrapolated_fields_have_the_shapes_that_the_options_give(noisy, connect):
    api = connect(noisy)
    zne = {
        "noise_factors": [1, 2, 3, 4],
        "extrapolator": ["exponential", "linear", "double_exponential", "polynomial_degree_2", "fallback"],
        "extrapolated_noise_factors": [0, 0.5],
    }
    text = f"{api.qasm} input float[64] a; rx(a) $0; cz $0, $1;"
    pub = (text, [["ZZ"], ["IZ"]], {"a": [0.1, 0.2, 0.3]}, 0.05)
    result = estimated(api, *pub, resilience={"zne_mitigation": True, "zne": zne})
    data = result["results"][0]["data"]
    assert set(data) == FIELDS
    shapes = {name: np.shape(value) for name, value in data.items()}
    assert shapes["evs"] == shapes["stds"] == (2, 3)
    assert {shapes[name] for name in FIELDS if name.endswith("noise_factors")} == {(2, 3, 4)}
    assert shapes["evs_extrapolated"] == shapes["stds_extrapolated"] == (2, 3, 5, 2)
    metadata = result["results"][0]["metadata"]
    assert metadata["num_randomizations"] == 1
    assert metadata["resilience"]["zne"]["extrapolator"] == ["exponential"] * 6
    assert result["metadata"]["resilience"] == {
        "measure_mitigation": False,
        "zne_mitigation": True,
        "pec_mitigation": False,
        "zne": zne,
    }


def test_one_value_has_one_axis_for_the_factors(api):
    data = estimated(api, worn(api), "ZZ", level=2)["results"][0]["data"]
    assert np.shape(data["evs_noise_factors"]) == (3,)
    assert np.shape(data["evs_extrapolated"]) == (2, 4)
    assert data["evs"] == 1


def test_level_two_extrapolates_unless_told_not_to(api):
    def fields(level, **resilience):
        return set(estimated(api, worn(api), "ZZ", level=level, resilience=resilience)["results"][0]["data"])

    assert fields(2) == fields(1, zne_mitigation=True) == FIELDS
    assert fields(1) == fields(2, zne_mitigation=False) == {"evs", "stds", "ensemble_standard_error"}


@pytest.mark.parametrize("backend", ["ibm_fez", "mock_fez"])
@pytest.mark.parametrize("resilience", [{"zne_mitigation": True}, {"pec_mitigation": True}])
def test_tagged_results_pass_ibms_models_and_decoder(api, resilience, backend):
    from ibm_quantum_schemas.estimator.version_0_1 import PrimitiveResultWrapperModel
    from qiskit_ibm_runtime import RuntimeDecoder

    text = json.dumps(estimated(api, worn(api), ["ZZ", "IZ"], tagged=True, resilience=resilience, backend=backend))
    PrimitiveResultWrapperModel.model_validate_json(text)
    data = json.loads(text, cls=RuntimeDecoder)[0].data
    assert data.evs.shape == (2,)
    assert ("evs_extrapolated" in data) == ("zne_mitigation" in resilience)
    if "zne_mitigation" in resilience:
        assert data.evs_extrapolated.shape == (2, 2, 4)


@pytest.mark.parametrize(("name", "least"), LEAST_FACTORS.items())
def test_an_extrapolator_needs_a_least_number_of_noise_factors(api, name, least):
    def post(number):
        zne = {"extrapolator": ["fallback", name], "noise_factors": [1 + place / 2 for place in range(number)]}
        params = {"options": {"resilience": {"zne_mitigation": True, "zne": zne}}}
        return api.post_job((worn(api), "ZZ"), program_id="estimator", params=params)

    assert post(least).status_code == 200
    if least > 1:
        answer = post(least - 1)
        assert api.refusal(answer) == (400, 1002)
        assert str(least) in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "resilience",
    [
        {"zne": {"amplifier": "loud"}},
        {"zne": {"noise_factors": [0.5, 1]}},
        {"zne": {"noise_factors": []}},
        {"zne": {"noise_factors": "some"}},
        {"zne": {"extrapolator": "cubic"}},
        {"zne": {"extrapolator": []}},
        {"zne": {"extrapolated_noise_factors": [-1]}},
        {"zne": {"unknown": 1}},
        {"zne": 1},
        {"pec": {"max_overhead": 0}},
        {"pec": {"noise_gain": -1}},
        {"pec": {"unknown": 1}},
        {"pec_mitigation": True, "zne_mitigation": True},
    ],
)
def test_malformed_options_are_refused(api, resilience):
    params = {"options": {"resilience": resilience}}
    assert api.refusal(api.post_job((worn(api), "ZZ"), program_id="estimator", params=params)) == (400, 1002)


def test_the_official_server_side_estimator_mitigates(noisy):
    from qiskit import QuantumCircuit, transpile
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_ibm_runtime import EstimatorV2

    backend = noisy.qiskit_service().backend("ibm_fez")
    circuit = QuantumCircuit(2)
    for _ in range(LAYERS):
        circuit.cz(0, 1)
    isa = transpile(circuit, backend, initial_layout=[0, 1], optimization_level=0)
    pub = (isa, SparsePauliOp("ZZ").apply_layout(isa.layout))
    raw, mitigated = (
        EstimatorV2(backend, options={"resilience_level": level}).run([pub], precision=0.01).result()[0].data
        for level in (1, 2)
    )
    assert abs(mitigated.evs - 1) < 0.5 * abs(raw.evs - 1)
    assert mitigated.evs_noise_factors.shape == (3,)


def zne(*extrapolators, factors=(1.0, 2.0, 3.0, 4.0), evaluated=(0.0, 1.0)):
    return Zne("gate_folding", factors, extrapolators, evaluated)


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("linear", lambda noise: 0.9 - 0.1 * noise),
        ("polynomial_degree_2", lambda noise: 0.9 - 0.2 * noise + 0.02 * noise**2),
        ("exponential", lambda noise: 0.9 * math.exp(-0.3 * noise)),
        ("exponential", lambda noise: -0.9 * math.exp(-0.3 * noise)),
        ("double_exponential", lambda noise: 0.5 * math.exp(-0.1 * noise) + 0.4 * math.exp(-0.9 * noise)),
    ],
)
def test_a_law_is_found_again(name, law):
    chosen = zne(name)
    found = extrapolation.extrapolate([law(one) for one in chosen.noise_factors], [0.001] * 4, 10_000, chosen)
    assert found.by == name
    assert found.value == pytest.approx(law(0), abs=0.01)
    assert found.values.shape == found.errors.shape == (1, 2)
    assert found.values[0] == pytest.approx([law(0), law(1)], abs=0.01)


def test_the_error_of_a_line_is_that_of_least_squares():
    chosen = zne("linear", factors=(1.0, 2.0))
    found = extrapolation.extrapolate([0.8, 0.7], [0.01, 0.01], 10_000, chosen)
    # The value at 0 is 2 y(1) - y(2).
    assert (found.value, found.error) == (pytest.approx(0.9), pytest.approx(0.01 * math.sqrt(5)))


def test_the_next_extrapolator_is_taken_when_one_leaves_the_possible_values():
    chosen = zne("polynomial_degree_3", "linear")
    found = extrapolation.extrapolate([0.9, 0.0, 0.6, 0.0], [0.3] * 4, 100, chosen)
    assert found.by == "linear"
    assert abs(found.values[0][0]) > 2
    alone = extrapolation.extrapolate([0.9, 0.0, 0.6, 0.0], [0.3] * 4, 100, zne("polynomial_degree_3"))
    assert (alone.by, alone.value) == ("fallback", 0.9)


def test_an_extrapolator_that_cannot_be_fitted_gives_no_number(monkeypatch):
    import scipy.optimize

    def fail(*_, **__):
        raise RuntimeError("no fit")

    monkeypatch.setattr(scipy.optimize, "curve_fit", fail)
    found = extrapolation.extrapolate([0.9, 0.8, 0.7, 0.6], [0.01] * 4, 100, zne("exponential", "linear"))
    assert np.isnan(found.values[0]).all()
    assert (found.by, found.value) == ("linear", pytest.approx(1.0))
