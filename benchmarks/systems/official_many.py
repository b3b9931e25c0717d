"""Runs IBM's client with many circuits in a plain process: a job each in a batch, or all as PUBs of one job.

The question also has ``way``, which is ``separate`` or ``pubs``, and ``circuits``, their number. The answer has the
count of 11 by the number of the circuit.
"""

from __future__ import annotations

import os
import time
from math import pi

from benchmarks.systems.common import answer, asked, rotated_pair, service


def main() -> None:
    """Run all circuits."""
    question = asked()
    os.environ["IAM_URL"] = question["iam"]

    from qiskit_ibm_runtime import Batch, SamplerV2

    backend = service(question).backend(question["backend"])
    shots, number = question["shots"], question["circuits"]
    circuits = [rotated_pair(pi * one / (number - 1)) for one in range(number)]
    if question["way"] == "separate":
        with Batch(backend=backend) as batch:
            sampler = SamplerV2(mode=batch)
            jobs = [sampler.run([circuit], shots=shots) for circuit in circuits]
        results = [job.result()[0] for job in jobs]
    else:
        results = list(SamplerV2(mode=backend).run(circuits, shots=shots).result())
    counts = {str(one): result.data.meas.get_counts().get("11", 0) for one, result in enumerate(results)}
    answer(counts, time.time())


if __name__ == "__main__":
    main()
