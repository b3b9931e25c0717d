"""``check``: check whether a backend can run circuits unchanged, and estimate the cost. Submits nothing."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from airflow_provider_qrt import primitives
from airflow_provider_qrt.cli.connect import make_client
from airflow_provider_qrt.cli.output import cost, print_facts, print_json
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.backends.select import named
from airflow_provider_qrt.primitives.errors import InvalidInputError, did_you_mean


def check(args: Namespace, out: TextIO) -> int:
    """Check circuits; return 1 if the backend cannot run one of them."""
    from airflow_provider_qrt.jobs.budget.spending import estimate_seconds
    from airflow_provider_qrt.primitives.inputs.executions import estimator_executions, sampler_executions

    circuits = [_read(name) for name in args.circuits]
    configuration = _configuration(args)
    name = configuration.get("backend_name") or args.backend
    problem = ""
    executions: int | None = None
    try:
        if args.observables:
            estimates = primitives.coerce_estimator_pubs(circuits, observables=args.observables)
            executions = estimator_executions(estimates)
            primitives.check_pubs_isa(estimates, configuration)
        else:
            pubs = primitives.coerce_pubs(circuits, shots=args.shots)
            executions = sampler_executions(pubs)
            primitives.check_pubs_isa(pubs, configuration)
    except InvalidInputError as error:
        problem = str(error).removesuffix(" Nothing was submitted.")
        # The circuit will not run as it is, and transpilation may change the number of executions.
        executions = None
    seconds = None if executions is None else estimate_seconds(executions)
    facts = {
        "backend": name,
        "circuits": len(circuits),
        "runs": not problem,
        "problem": problem or None,
        "executions": executions,
        "estimated_seconds": seconds,
        "estimated_cost": cost(seconds),
    }
    if args.json:
        print_json(facts, out)
    else:
        print_facts(facts.items(), out)
    return int(bool(problem))


def _read(name: str) -> str | bytes:
    try:
        content = Path(name).read_bytes()
    except FileNotFoundError as error:
        raise InvalidInputError(f"{name}: the file cannot be read: {error.strerror}{_similar(Path(name))}") from None
    except OSError as error:
        raise InvalidInputError(f"{name}: the file cannot be read: {error.strerror}.") from None
    return content if content.startswith(b"QISKIT") else content.decode(errors="replace")


def _similar(path: Path) -> str:
    """Suggest a file of the same folder with the same extension, or end the sentence."""
    try:
        beside = [one.name for one in path.parent.iterdir() if one.suffix == path.suffix]
    except OSError:
        return "."
    return did_you_mean(path.name, beside) or "."


def _configuration(args: Namespace) -> Mapping[str, Any]:
    if args.configuration:
        try:
            found = json.loads(Path(args.configuration).read_text())
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"{args.configuration}: no configuration of a backend: {error}.") from None
        if not isinstance(found, Mapping) or "basis_gates" not in found:
            raise InvalidInputError(f"{args.configuration}: no configuration of a backend: it has no basis_gates.")
        if args.backend and found.get("backend_name") not in (None, args.backend):
            raise InvalidInputError(f"{args.configuration} is the configuration of {found['backend_name']}.")
        return found
    if not args.backend:
        raise InvalidInputError("Name the backend, as in --backend ibm_fez, or a saved --configuration.")
    with make_client(args) as client:
        try:
            found = client.backend_configuration(args.backend)
        except errors.NotFoundError:
            # Raises an error that lists the backends and suggests one.
            named(client.backends(), args.backend, where="the instance", place="--backend")
            raise
    if args.save_configuration:
        Path(args.save_configuration).write_text(json.dumps(found))
    return found
