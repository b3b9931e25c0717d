"""The same loop as a hybrid task and with IBM's client in a Python task; and a loop that is replayed.

``BENCHMARK_QUESTION`` gives the address of the service, a backend, and the number of calls.
"""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta

from airflow.sdk import DAG, task

from airflow_provider_qrt.decorators.hybrid import qiskit_hybrid_task

QUESTION = json.loads(os.environ["BENCHMARK_QUESTION"])
CALLS, REPLAYED = QUESTION["calls"], QUESTION["replayed"]
OBSERVABLE = {"IZ": 0.39793742, "ZI": -0.39793742, "ZZ": -0.0112801, "XX": 0.1809312}
ANGLES = ("a", "b", "c", "d")
START = [1.5, 0.5, 1.0, 0.5]
PRECISION = 0.05
ANSATZ = """OPENQASM 3.0;
include "stdgates.inc";
input float[64] a; input float[64] b; input float[64] c; input float[64] d;
sx $0; rz(a + pi) $0; sx $0; rz(pi) $0;
sx $1; rz(b + pi) $1; sx $1; rz(pi) $1;
cz $0, $1;
sx $0; rz(c + pi) $0; sx $0; rz(pi) $0;
sx $1; rz(d + pi) $1; sx $1; rz(pi) $1;
"""


def minimize_in(energy, calls):
    """Call a function as often as asked by COBYLA, which never finds its end."""
    from scipy.optimize import minimize

    begun = time.time()
    found = minimize(energy, START, method="COBYLA", options={"maxiter": calls, "tol": 1e-9, "rhobeg": 0.5})
    return {"energy": float(found.fun), "calls": int(found.nfev), "seconds": time.time() - begun}


with DAG("hybrid", schedule=None):

    @qiskit_hybrid_task(backend=QUESTION["backend"], mode="dedicated", poll_interval=5)
    def loop(qpu):
        """Run the loop as a hybrid task."""
        return minimize_in(
            lambda angles: float(
                qpu.estimate(
                    ANSATZ, OBSERVABLE, dict(zip(ANGLES, map(float, angles), strict=True)), precision=PRECISION
                ).evs
            ),
            CALLS,
        )

    loop()

with DAG("official", schedule=None):

    @task
    def loop():
        """Run the loop with IBM's client."""
        os.environ["IAM_URL"] = QUESTION["iam"]

        from qiskit import QuantumCircuit
        from qiskit.circuit import Parameter
        from qiskit.quantum_info import SparsePauliOp
        from qiskit_ibm_runtime import EstimatorV2, Session

        from benchmarks.systems.common import QUBITS, service

        backend = service(QUESTION).backend(QUESTION["backend"])
        ansatz = QuantumCircuit(QUBITS)
        a, b, c, d = map(Parameter, ANGLES)
        for first, second in ((a, b), (c, d)):
            for qubit, angle in enumerate((first, second)):
                ansatz.sx(qubit)
                ansatz.rz(angle + 3.141592653589793, qubit)
                ansatz.sx(qubit)
                ansatz.rz(3.141592653589793, qubit)
            if first is a:
                ansatz.cz(0, 1)
        observable = SparsePauliOp.from_list(list(OBSERVABLE.items())).apply_layout(None, QUBITS)
        with Session(backend=backend) as session:
            estimator = EstimatorV2(mode=session)

            def energy(angles):
                values = dict(zip((a, b, c, d), map(float, angles), strict=True))
                [result] = estimator.run([(ansatz, observable, values, PRECISION)]).result()
                return float(result.data.evs)

            return minimize_in(energy, CALLS)

    loop()

with DAG("replayed", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(seconds=0)}):

    @qiskit_hybrid_task(backend=QUESTION["backend"], mode="batch", deferrable=True)
    def loop(qpu, ti=None):
        """Make many calls, fail, and replay them."""
        circuit = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
        begun = time.time()
        for _ in range(REPLAYED):
            qpu.sample(circuit, shots=10)
        if ti.try_number == 1:
            raise RuntimeError("The first try ends here.")
        return {"seconds": time.time() - begun}

    loop()
