"""The commands in Airflow's format, for ``airflow qiskit-runtime ...``."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_qrt.cli.commands import ABOUT, COMMANDS, COMMON, EXIT_CODES, NAME, Command

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


def get_commands() -> list[CLICommand]:
    """Return the group of commands; the provider's metadata refers to this function under ``cli``."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    return [
        GroupCommand(
            name=NAME,
            help=ABOUT,
            subcommands=[
                ActionCommand(
                    name=command.name,
                    help=command.help,
                    func=_function_of(command),
                    args=[Arg(flags=one.flags, **one.settings) for one in (*command.options, *COMMON)],
                    epilog=EXIT_CODES,
                )
                for command in COMMANDS
            ],
        )
    ]


def _function_of(command: Command) -> Callable[[Namespace], None]:
    def function(args: Namespace) -> None:
        from airflow_provider_qrt.cli.main import run

        code = run(command, args, sys.stdout)
        if code:
            sys.exit(code)

    return function
