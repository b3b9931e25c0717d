"""Estimator options are a closed schema, the one IBM publishes."""

import pytest

from airflow_provider_qrt.primitives import InvalidInputError, check_estimator_options
from airflow_provider_qrt.primitives.inputs.estimator_options import zne_settings

EVERYTHING = {
    "default_precision": 0.01,
    "default_shots": 100,
    "seed_estimator": 0,
    "dynamical_decoupling": {
        "enable": True,
        "sequence_type": "XpXm",
        "extra_slack_distribution": "edges",
        "scheduling_method": "asap",
        "skip_reset_qubits": False,
    },
    "execution": {"init_qubits": True, "rep_delay": 0.00025},
    "twirling": {
        "enable_gates": True,
        "enable_measure": False,
        "num_randomizations": "auto",
        "shots_per_randomization": 64,
        "strategy": "active-accum",
    },
    "resilience": {
        "measure_mitigation": True,
        "measure_noise_learning": {"num_randomizations": 8, "shots_per_randomization": "auto"},
        "zne_mitigation": True,
        "zne": {
            "amplifier": "pea",
            "noise_factors": [1, 1.5, 2, 3],
            "extrapolator": ["double_exponential", "linear"],
            "extrapolated_noise_factors": [0, 0.5],
        },
        "pec_mitigation": False,
        "pec": {"max_overhead": None, "noise_gain": "auto"},
        "layer_noise_learning": {
            "max_layers_to_learn": None,
            "shots_per_randomization": 64,
            "num_randomizations": 16,
            "layer_pair_depths": [0, 1, 2],
        },
    },
    "simulator": {"seed_simulator": 1},
    "experimental": {"anything": {"goes": [1]}},
}


def test_every_known_option_is_accepted_and_copied():
    checked = check_estimator_options(EVERYTHING)
    assert checked == EVERYTHING
    assert checked["resilience"]["zne"] is not EVERYTHING["resilience"]["zne"]


def test_every_option_of_ibms_model_is_known_and_no_other():
    from ibm_quantum_schemas.estimator.version_0_1.options import OptionsModel
    from pydantic import BaseModel

    def names(model):
        found = {}
        for name, one in model.model_fields.items():
            group = one.annotation
            is_group = isinstance(group, type) and issubclass(group, BaseModel) and name != "simulator"
            found[name] = names(group) if is_group else None
        return found

    def ours(given):
        groups = {key: part for key, part in given.items() if key not in ("simulator", "experimental")}
        return {key: ours(part) if isinstance(part, dict) else None for key, part in groups.items()} | {
            key: None for key in ("simulator", "experimental") if key in given
        }

    known = ours(EVERYTHING)
    known["resilience"]["layer_noise_model"] = None
    assert known == names(OptionsModel)
    OptionsModel.model_validate(EVERYTHING)
    assert check_estimator_options({"resilience": {"layer_noise_model": []}})


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_options_are_an_empty_mapping(nothing):
    assert check_estimator_options(nothing) == {}


@pytest.mark.parametrize("precision", [1, 1.0, 1e-6])
def test_the_coarsest_precision_is_that_of_one_shot_and_there_is_a_finest(precision):
    assert check_estimator_options({"default_precision": precision}) == {"default_precision": precision}


def resilience(**more):
    return {"resilience": more}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resiliense": {}}, "options.resiliense: unknown; did you mean 'resilience'?"),
        ({"zzz": 1}, "options.zzz: unknown; known are default_precision, "),
        (resilience(zne_mitigatoin=True), "options.resilience.zne_mitigatoin: unknown; did you mean 'zne_mitigation'?"),
        (resilience(zne={"amplifer": "pea"}), "options.resilience.zne.amplifer: unknown; did you mean 'amplifier'?"),
        (resilience(zne={"amplifier": "fold"}), "options.resilience.zne.amplifier: expected one of 'gate_folding'"),
        (resilience(zne={"extrapolator": "lineer"}), "options.resilience.zne.extrapolator: .*did you mean 'linear'"),
        (resilience(zne={"extrapolator": ["linear", "x"]}), "options.resilience.zne.extrapolator: expected one of"),
        (resilience(zne={"extrapolator": []}), "options.resilience.zne.extrapolator: expected at least one"),
        (resilience(zne={"noise_factors": [0.5, 1]}), "options.resilience.zne.noise_factors: .*1 or more each"),
        (resilience(zne={"noise_factors": 3}), "options.resilience.zne.noise_factors: expected a list"),
        (resilience(zne={"noise_factors": []}), "options.resilience.zne.noise_factors: expected a list"),
        (resilience(zne={"noise_factors": [1, 3], "extrapolator": "polynomial_degree_2"}), ".*at least 3 noise_fact"),
        (resilience(zne={"extrapolator": "double_exponential"}), ".*'double_exponential' needs at least 4 noise_fac"),
        (resilience(zne={"extrapolated_noise_factors": "all"}), "options.resilience.zne.extra.*or 'auto', not 'all'"),
        (resilience(zne_mitigation=True, pec_mitigation=True), "options.resilience: .*exclude each other"),
        (resilience(measure_mitigation=1), "options.resilience.measure_mitigation: expected true or false, not 1"),
        (resilience(measure_mitigation="no"), "options.resilience.measure_mitigation: expected true or false"),
        (resilience(pec={"max_overhead": 0}), "options.resilience.pec.max_overhead: .*above 0, or None"),
        (resilience(pec={"noise_gain": -1}), "options.resilience.pec.noise_gain: .*0 or more, or 'auto'"),
        (resilience(layer_noise_learning={"max_layers_to_learn": -1}), ".*max_layers_to_learn: .*0 or more or None"),
        (resilience(layer_noise_learning={"layer_pair_depths": [1.5]}), ".*layer_pair_depths: expected a list of"),
        (resilience(layer_noise_model="learned"), ".*layer_noise_model: expected the result of a noise-learner"),
        ({"zne_mitigation": True}, "options.zne_mitigation: .*inside resilience: {'resilience': {'zne_mitigation'"),
        ({"default_precision": 0}, "options.default_precision: expected a standard error above 0 and up to 1"),
        ({"default_precision": float("nan")}, "options.default_precision: expected a standard error"),
        ({"default_precision": True}, "options.default_precision: expected a standard error"),
        ({"default_precision": 1024}, "options.default_precision: .*use options.default_shots"),
        ({"default_precision": 10**400}, "options.default_precision: .*use options.default_shots"),
        ({"default_precision": 1e-7}, "options.default_precision: .*at least 1e-06"),
        ({"default_shots": 0}, "options.default_shots: expected a whole number, 1 or more"),
        ({"seed_estimator": -1}, "options.seed_estimator: expected a whole number, 0 or more"),
        ({"execution": {"meas_type": "kerneled"}}, "options.execution.meas_type: unknown"),
        ({"resilience_level": 1}, "options.resilience_level: .*argument of the operator"),
        ({"shots": 1}, "options.shots: not an option of the estimator: an estimator takes a precision"),
        ([1], "options: expected a mapping"),
    ],
)
def test_anything_else_is_refused_with_its_full_path(options, message):
    with pytest.raises(InvalidInputError, match="^" + message):
        check_estimator_options(options)


TWO = (2, 2, 1)


@pytest.mark.parametrize(
    ("options", "level", "settings"),
    [
        ({}, None, None),
        ({}, 1, None),
        ({}, 2, (3, 2, 4)),
        (resilience(zne_mitigation=False), 2, None),
        (resilience(zne_mitigation=True, zne={"extrapolator": "linear"}), 0, (3, 1, 4)),
        (resilience(zne_mitigation=True, zne={"noise_factors": [1, 2], "extrapolated_noise_factors": [0]}), 0, TWO),
    ],
)
def test_how_much_zne_returns_follows_from_its_options_and_the_resilience_level(options, level, settings):
    assert zne_settings(options, level) == settings
