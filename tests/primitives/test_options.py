"""Sampler options are a closed schema."""

import json

import numpy as np
import pytest

from airflow_provider_qrt.primitives import InvalidInputError, check_sampler_options

EVERYTHING = {
    "default_shots": 100,
    "dynamical_decoupling": {
        "enable": True,
        "sequence_type": "XpXm",
        "extra_slack_distribution": "edges",
        "scheduling_method": "asap",
        "skip_reset_qubits": False,
    },
    "execution": {"init_qubits": True, "rep_delay": 0.00025, "meas_type": "classified"},
    "twirling": {
        "enable_gates": True,
        "enable_measure": False,
        "num_randomizations": "auto",
        "shots_per_randomization": 64,
        "strategy": "active-accum",
    },
    "simulator": {"seed_simulator": 1},
    "experimental": {"anything": {"goes": [1]}},
}


def test_every_known_option_is_accepted_and_copied():
    checked = check_sampler_options(EVERYTHING)
    assert checked == EVERYTHING
    assert checked is not EVERYTHING
    assert checked["twirling"] is not EVERYTHING["twirling"]


def test_numbers_and_arrays_of_numpy_become_pythons():
    checked = check_sampler_options(
        {
            "default_shots": np.int64(7),
            "dynamical_decoupling": {"enable": np.bool_(True)},
            "execution": {"rep_delay": np.float32(0.5)},
            "twirling": {"num_randomizations": np.uint8(3)},
            "simulator": {"coupling_map": np.array([[0, 1]])},
        }
    )
    assert json.loads(json.dumps(checked)) == checked
    assert (checked["default_shots"], checked["simulator"]) == (7, {"coupling_map": [[0, 1]]})


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_options_are_an_empty_mapping(nothing):
    assert check_sampler_options(nothing) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dynamical_decouplin": {}}, "options.dynamical_decouplin: unknown; did you mean 'dynamical_decoupling'?"),
        ({"zzz": 1}, "options.zzz: unknown; known are default_shots, "),
        ({"twirling": {"strateg": "all"}}, "options.twirling.strateg: unknown; did you mean 'strategy'?"),
        ({"twirling": {"strategy": "activ"}}, "options.twirling.strategy: expected one of .* did you mean 'active'"),
        ({"twirling": {"strategy": 3}}, "options.twirling.strategy: expected one of .*, not 3"),
        ({"twirling": {"num_randomizations": 0}}, "options.twirling.num_randomizations: expected a whole number or"),
        ({"twirling": True}, "options.twirling: expected a mapping of names to values, got bool"),
        ({"default_shots": True}, "options.default_shots: expected a whole number, 1 or more, not True"),
        ({"default_shots": "100"}, "options.default_shots: .*not '100'"),
        ({"default_shots": 0}, "options.default_shots: "),
        ({"dynamical_decoupling": {"enable": 1}}, "options.dynamical_decoupling.enable: expected true or false"),
        ({"execution": {"rep_delay": -1}}, "options.execution.rep_delay: expected a number of seconds"),
        ({"execution": {"rep_delay": float("nan")}}, "options.execution.rep_delay: "),
        ({"execution": {"meas_type": "kerneled"}}, "options.execution.meas_type: .*program_id='executor'"),
        ({"execution": {"meas_type": "clasified"}}, "options.execution.meas_type: .*did you mean 'classified'"),
        ({"experimental": 1}, "options.experimental: expected a mapping"),
        ({"transpilation": {}}, "options.transpilation: .*transpile them before"),
        ({"resilience_level": 1}, "options.resilience_level: .*belongs to the estimator"),
        ({"backend": "ibm_fez"}, "options.backend: not an option of the sampler: this is an argument of the operator"),
        ({"job_tags": ["a"]}, "options.job_tags: .*the operator's argument tags"),
        ({"environment": {"job_tags": ["a"]}}, "options.environment: .*tags for job_tags"),
        ({"session_id": "s"}, "options.session_id: .*an argument of the operator"),
        ([1], "options: expected a mapping"),
    ],
)
def test_anything_else_is_refused_with_its_full_path(options, message):
    with pytest.raises(InvalidInputError, match="^" + message):
        check_sampler_options(options)
