"""IBM's own client in a plain process: submit, wait for the result (at most ``timeout`` seconds), count."""

from __future__ import annotations

import os
import time

from benchmarks.systems.common import answer, asked, bell_pair


def main() -> None:
    """Run one job."""
    question = asked()
    os.environ["IAM_URL"] = question["iam"]

    from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2
    from qiskit_ibm_runtime.accounts.account import Account

    # Which instances a key has is asked of another IBM service, which is not emulated: that request is not counted.
    found = [{"crn": question["instance"], "plan": "internal", "name": "emulator", "tags": [], "pricing_type": "paid"}]
    Account.list_instances = lambda _self: found
    service = QiskitRuntimeService(
        channel="ibm_quantum_platform",
        token=question["key"],
        url=question["root"],
        instance=question["instance"],
        url_resolver=lambda *_args, **_kwargs: question["api"],
    )
    job = SamplerV2(service.backend(question["backend"])).run([bell_pair()], shots=question["shots"])
    counts = job.result(timeout=question.get("timeout"))[0].data.meas.get_counts()
    answer(counts, time.time())


if __name__ == "__main__":
    main()
