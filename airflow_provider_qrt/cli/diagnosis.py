"""``doctor``: first contact with an account."""

from __future__ import annotations

from argparse import Namespace
from typing import TextIO


def doctor(args: Namespace, out: TextIO) -> int:
    """See the doctor package."""
    raise NotImplementedError
