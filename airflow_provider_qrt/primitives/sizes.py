"""How much JSON counts take, before there are any."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_qrt.primitives.options import DEFAULT_SHOTS
from airflow_provider_qrt.primitives.pubs import SamplerPub


def counts_json_bytes(distinct: int, num_bits: int, shots: int, dimensions: int) -> int:
    """Bound the JSON of one dictionary of counts: quotes, colon, comma and spaces (6) around each string and count.

    Args:
        distinct: Its entries.
        num_bits: Characters of each key.
        shots: The largest count there can be.
        dimensions: Of the sweep it is part of.
    """
    return distinct * (num_bits + 6 + len(str(shots))) + 4 * (dimensions + 1)


def largest_xcom_bytes(pubs: Sequence[SamplerPub], *, default_shots: int | None = None) -> int:
    """Bound the JSON of the counts that a job can give: every shot another outcome, as far as there are as many.

    Args:
        pubs: The job's PUBs; one that came already encoded says nothing of its registers and counts as nothing.
        default_shots: For PUBs without shots of their own; None: IBM's default.
    """
    total = 0
    for pub in pubs:
        if pub.info is None:
            continue
        shots = pub.shots or default_shots or DEFAULT_SHOTS
        sizes = [size for _, size in pub.info.registers]
        for num_bits in (sum(sizes), *sizes):
            distinct = min(shots, 2**num_bits)
            total += pub.sweep_size * counts_json_bytes(distinct, num_bits, shots, 1)
    return total
