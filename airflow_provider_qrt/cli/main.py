"""Run a command: parse its arguments, report its errors and return its exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TextIO

from airflow_provider_qrt.cli.commands import ABOUT, COMMANDS, COMMON, EXIT_CODES, Command

FINE, NOT_FINE, WRONG_USE, REFUSED = range(4)
"""Exit codes, as the help describes them."""

Function = Callable[[argparse.Namespace, TextIO], int]


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run a command of ``python -m airflow_provider_qrt``.

    Args:
        arguments: Arguments of the command line.
        out: Stream to print to; by default standard output.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser("python -m airflow_provider_qrt", description=ABOUT, epilog=EXIT_CODES)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        one = subparsers.add_parser(command.name, help=command.help, description=command.help, epilog=EXIT_CODES)
        for option in (*command.options, *COMMON):
            one.add_argument(*option.flags, **option.settings)
        one.set_defaults(command=command)
    args = parser.parse_args(arguments)
    return run(args.command, args, out or sys.stdout)


def run(command: Command, args: argparse.Namespace, out: TextIO) -> int:
    """Run a command and return its exit code; print errors on standard error, without a traceback."""
    from airflow_provider_qrt.client import errors
    from airflow_provider_qrt.primitives.errors import InvalidInputError, InvalidResultError

    module, _, name = command.function.partition(":")
    function: Function = getattr(import_module(f"airflow_provider_qrt.cli.{module}"), name)
    try:
        return function(args, out)
    except KeyboardInterrupt:
        return FINE
    except BrokenPipeError:
        # The reader has closed the pipe, as with "| head". Otherwise Python would report an error when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except (InvalidInputError, errors.InvalidSettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_USE
    except InvalidResultError as error:
        print(f"error: {error}", file=sys.stderr)
        return NOT_FINE
    except errors.QiskitRuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
