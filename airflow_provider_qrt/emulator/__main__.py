"""``python -m airflow_provider_qrt.emulator``: serve an emulator until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from airflow_provider_qrt.emulator.settings import (
    DEFAULT_API_KEY,
    DEFAULT_BACKENDS,
    DEFAULT_INSTANCE,
    MOST_BEHIND_SECONDS,
    MOST_SPEED,
    PLANS,
    Settings,
)


def main(arguments: list[str] | None = None) -> None:
    """Serve in the foreground."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if not 0 < asked.speed <= MOST_SPEED:
        parser.error(f"--speed must be above 0 and at most {MOST_SPEED:g}")
    if not 0 <= asked.behind_seconds <= MOST_BEHIND_SECONDS:
        parser.error(f"--behind-seconds must be from 0 to {MOST_BEHIND_SECONDS:g}")
    if asked.behind_seconds and asked.state is not None:
        parser.error("--behind-seconds cannot be used with --state, which has its own time")
    settings = Settings(
        api_key=asked.api_key,
        instance=asked.instance,
        backends=tuple(asked.backends),
        queue_seconds=asked.queue_seconds,
        run_seconds=asked.run_seconds,
        calibration_seconds=asked.calibration_seconds,
        lanes=asked.lanes,
        usage_pending_seconds=asked.usage_pending_seconds,
        token_lifetime=asked.token_lifetime,
        seed=asked.seed,
        noise=asked.noise,
        rate_limit=not asked.no_rate_limit,
        speed=asked.speed,
        behind_seconds=asked.behind_seconds,
        state=asked.state,
        plan=asked.plan,
        withdrawn_programs=tuple(asked.withdraw_program),
        allowed_hosts=tuple(asked.allow_host),
    )
    from airflow_provider_qrt.emulator.server import listen, make_server
    from airflow_provider_qrt.emulator.service import Service

    try:
        service = Service(settings)
        listener = listen(asked.host, asked.port)
    except (ValueError, ModuleNotFoundError) as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"cannot listen on {asked.host} port {asked.port}: {error.strerror or error}")
    port = listener.getsockname()[1]
    host = f"[{asked.host}]" if ":" in asked.host else asked.host
    root = f"http://{host}:{port}"

    def announce() -> None:
        print(_start_block(root, settings, list(service.devices)), flush=True)
        if asked.ready_file is not None:
            ready = {"url": f"{root}/api/v1", "iam_url": root, "pid": os.getpid()}
            # Written elsewhere and then renamed, so that nobody reads an incomplete file.
            draft = asked.ready_file.with_name(f"{asked.ready_file.name}.{os.getpid()}")
            draft.write_text(json.dumps(ready))
            draft.replace(asked.ready_file)

    try:
        make_server(service, announce).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        service.shut_down()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_qrt.emulator",
        description="Serve IBM's Qiskit Runtime REST API on this machine, with simulated quantum hardware.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="TCP port; 0 takes a free one (default 8765)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name under which it may be asked for, beside addresses and localhost; may be given several times",
    )
    parser.add_argument("--queue-seconds", type=float, default=2.0, help="time a job is Queued (default 2)")
    parser.add_argument("--run-seconds", type=float, default=1.0, help="time a job is Running (default 1)")
    parser.add_argument(
        "--calibration-seconds", type=float, help="time a calibration is Running (default as any other job)"
    )
    parser.add_argument("--lanes", type=int, help="jobs that a machine works on at a time (default any number)")
    parser.add_argument(
        "--usage-pending-seconds", type=float, default=0.0, help="time until usage is final (default 0)"
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, help="how fast time passes for jobs and sessions (default 1)"
    )
    parser.add_argument(
        "--behind-seconds", type=float, default=0.0, help="how far the clock starts behind the machine's (default 0)"
    )
    parser.add_argument("--plan", choices=PLANS, default=PLANS[0], help="plan of the instance (default %(default)s)")
    parser.add_argument("--state", metavar="FILE", help="SQLite file to keep jobs, sessions and usage in")
    parser.add_argument("--seed", type=int, help="make samples repeatable")
    parser.add_argument("--noise", action="store_true", help="make the errors of the devices' calibration")
    parser.add_argument("--no-rate-limit", action="store_true", help="accept more than 5 submissions a minute")
    parser.add_argument(
        "--token-lifetime", type=float, default=3600.0, help="life of an access token in seconds (default 3600)"
    )
    parser.add_argument("--api-key", default=DEFAULT_API_KEY, help="the key to accept (default %(default)s)")
    parser.add_argument("--instance", default=DEFAULT_INSTANCE, help="the CRN to serve")
    parser.add_argument(
        "--backends",
        nargs="+",
        default=list(DEFAULT_BACKENDS),
        metavar="NAME",
        help=f"device snapshots of qiskit-ibm-runtime (default {' '.join(DEFAULT_BACKENDS)})",
    )
    parser.add_argument(
        "--withdraw-program",
        action="append",
        default=[],
        metavar="NAME",
        help="a program that submissions shall not find, such as sampler; may be given several times",
    )
    parser.add_argument("--ready-file", type=Path, help="write the URL and process id here once it listens")
    return parser


def _start_block(root: str, settings: Settings, backends: list[str]) -> str:
    extra = json.dumps({"instance": settings.instance, "iam_url": root})
    return "\n".join(
        [
            "Qiskit Runtime emulator: nothing here reaches IBM, nothing costs money.",
            "",
            f"  API       {root}/api/v1",
            f"  IAM       {root}/identity/token",
            f"  Older     {root} (channels ibm_cloud, ibm_quantum, api_token)",
            f"  Controls  {root}/_emulator",
            f"  API key   {settings.api_key}",
            f"  CRN       {settings.instance}",
            f"  Backends  {', '.join(backends)}",
            "",
            "Airflow connection:",
            "  type      qiskit_runtime",
            f"  host      {root}/api/v1",
            f"  password  {settings.api_key}",
            f"  extra     {extra}",
            "",
            "Ctrl-C stops it.",
        ]
    )


if __name__ == "__main__":
    main()
