"""Plan, budget, limit, result and emulator agree on a job's shots and executions for all options.

The emulator counts independently, because it shares no code with the planning.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TURN = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] theta; bit[1] c; rz(theta) $0; c[0] = measure $0;'
ANSATZ = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] theta; rz(theta) $0; cz $0, $1;'
LIMIT = 10_000_000

SHARED = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def number(most: int) -> Any:
    return st.one_of(st.just("auto"), st.integers(1, most))


def some(**fields: Any) -> Any:
    """A mapping with some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


TWIRLING = some(
    enable_gates=st.booleans(),
    enable_measure=st.booleans(),
    num_randomizations=number(9000),
    shots_per_randomization=number(9000),
)
SWEEP = st.lists(st.floats(0, 1), min_size=1, max_size=5)
SAMPLER_PUBS = st.lists(st.tuples(SWEEP, st.one_of(st.none(), st.integers(1, 5000))), min_size=1, max_size=3)
SAMPLER_OPTIONS = some(default_shots=st.integers(1, 5000), twirling=TWIRLING)
ESTIMATOR_PUBS = st.lists(
    st.tuples(
        st.sampled_from(["ZZ", "XX", {"ZZ": 1, "XX": 1, "IZ": 2}, [["ZZ"], ["XY"]], ["ZI"]]),
        SWEEP,
        st.one_of(st.none(), st.floats(0.02, 1)),
    ),
    min_size=1,
    max_size=3,
)
RESILIENCE = some(
    measure_mitigation=st.booleans(),
    measure_noise_learning=some(num_randomizations=st.integers(1, 50), shots_per_randomization=number(200)),
    zne_mitigation=st.booleans(),
    zne=some(
        amplifier=st.sampled_from(["gate_folding", "pea"]),
        noise_factors=st.lists(st.floats(1, 5), min_size=2, max_size=5, unique=True),
    ),
    pec=some(max_overhead=st.floats(1, 200)),
    layer_noise_learning=some(
        max_layers_to_learn=st.integers(0, 6),
        shots_per_randomization=st.integers(1, 200),
        num_randomizations=st.integers(1, 50),
        layer_pair_depths=st.lists(st.integers(0, 30), min_size=1, max_size=8),
    ),
)
ESTIMATOR_OPTIONS = some(
    default_shots=st.integers(1, 5000),
    default_precision=st.floats(0.02, 1),
    twirling=TWIRLING,
    resilience=RESILIENCE,
)


def as_counted_by_the_emulator(hook: Any, program_id: str, params: dict[str, Any]) -> float:
    """Submit a job and return the seconds that the emulator expects; nobody waits for it."""
    job = hook.client.submit_job(program_id=program_id, backend="ibm_fez", params=params)
    return hook.client.job(job.id).estimated_running_seconds


def _expect(refused: Exception, *reasons: str) -> None:
    assert any(reason in str(refused) for reason in reasons), refused


@pytest.fixture
def hook(emulator, connection) -> Any:
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    # Nothing of these jobs is simulated.
    emulator.configure(queue_seconds=3600)
    with QiskitRuntimeHook() as hook:
        yield hook


@given(pubs=SAMPLER_PUBS, options=SAMPLER_OPTIONS)
@SHARED
def test_a_samplers(task, hook, pubs, options):
    from airflow.providers.common.compat.sdk import AirflowFailException

    from airflow_provider_qrt.jobs.budget.spending import estimate_seconds
    from airflow_provider_qrt.primitives import sampler_params

    circuits = [(TURN, {"theta": sweep}, shots) for sweep, shots in pubs]
    # The executor's program rounds shots up to whole randomizations.
    asked = {"program_id": "sampler", "circuits": circuits, "shots": None, "options": options, "dry_run": True}
    try:
        plan = task.execute(**asked)
    except AirflowFailException as refused:
        _expect(refused, "has room for", "and IBM takes 10,000,000 per job")
        return
    seconds = as_counted_by_the_emulator(hook, "sampler", sampler_params(circuits, options=options))
    assert estimate_seconds(plan["executions"]) == pytest.approx(seconds, abs=0.001)
    assert plan["jobs"] >= -(-plan["executions"] // LIMIT)
    within, beyond = plan["estimated_seconds"] + 0.01, plan["estimated_seconds"] - 0.01
    assert task.execute(**asked, budget={"max_seconds": within})["executions"] == plan["executions"]
    with pytest.raises(AirflowFailException, match="of its budget of"):
        task.execute(**asked, budget={"max_seconds": beyond, "per": "dag", "window": 0.001})


@given(pubs=ESTIMATOR_PUBS, options=ESTIMATOR_OPTIONS, level=st.one_of(st.none(), st.integers(0, 2)), pec=st.booleans())
@SHARED
def test_an_estimators(hook, pubs, options, level, pec):
    from airflow_provider_qrt.jobs.budget.spending import estimate_seconds
    from airflow_provider_qrt.primitives import InvalidInputError, coerce_estimator_pubs, estimator_params
    from airflow_provider_qrt.primitives.inputs.executions import estimator_executions

    if pec:
        # One of the two.
        options = {**options, "resilience": {**options.get("resilience", {}), "pec_mitigation": True}}
        options["resilience"]["zne_mitigation"] = False
    circuits = [(ANSATZ, terms, {"theta": sweep}, precision) for terms, sweep, precision in pubs]
    try:
        read = coerce_estimator_pubs(circuits)
        params = estimator_params(read, options=options, resilience_level=level)
    except InvalidInputError as refused:
        _expect(refused, "has room for", "broadcast", "noise_factors", "used with measure_mitigation only")
        return
    counted = estimator_executions(read, options=options, resilience_level=level)
    assert estimate_seconds(counted) == pytest.approx(as_counted_by_the_emulator(hook, "estimator", params), abs=0.001)


@given(
    own=st.one_of(st.none(), st.integers(1, 100)),
    options=some(
        default_shots=st.integers(1, 100),
        twirling=some(
            enable_gates=st.booleans(),
            enable_measure=st.booleans(),
            num_randomizations=number(9),
            shots_per_randomization=number(9),
        ),
    ),
)
@SHARED
def test_as_many_shots_come_back(task, emulator, own, options):
    from airflow.providers.common.compat.sdk import AirflowFailException

    emulator.configure(queue_seconds=0)
    asked = {"circuits": task.defaults["circuits"], "shots": own, "options": options}
    task.context["task_state_store"].values.clear()
    try:
        plan = task.execute(**asked, dry_run=True)
    except AirflowFailException as refused:
        _expect(refused, "has room for")
        return
    assert task.execute(**asked)["results"][0]["shots"] == plan["executions"]


@pytest.mark.parametrize("program", ["sampler", "estimator"])
def test_the_emulator_fails_what_has_no_room(emulator, hook, program):
    """As IBM's service does; the task is refused before."""
    from airflow_provider_qrt.primitives import estimator_params, sampler_params

    options = {"twirling": {"enable_measure": True, "num_randomizations": 2, "shots_per_randomization": 3}}
    emulator.configure(queue_seconds=0)
    if program == "sampler":
        params = sampler_params([(TURN, {"theta": 0.1}, 6)], options=options)
        params["pubs"][0][2] = 7
    else:
        params = estimator_params([(ANSATZ, "ZZ", {"theta": 0.1}, 0.5)], options=options)
        params["pubs"][0][3] = 0.1
    job = hook.client.submit_job(program_id=program, backend="ibm_fez", params=params)
    state = emulator_state(hook, job.id)
    assert "num_randomizations" in state.reason


def emulator_state(hook: Any, job_id: str) -> Any:
    import time

    until = time.monotonic() + 60
    while not (job := hook.client.job(job_id)).status.is_final and time.monotonic() < until:
        time.sleep(0.05)
    return job.state
