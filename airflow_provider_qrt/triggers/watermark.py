"""Storage of an event trigger's last state: in the state store of the assets that it watches, or in a file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.compat import has_async_methods
from airflow_provider_qrt.config import record_path
from airflow_provider_qrt.storage.records import FileWatermark
from airflow_provider_qrt.triggers.threads import asking_airflow, in_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.execution_time.context import AssetStateStoreAccessor, AssetStateStoreAccessors


class Watermark:
    """One key in the state store of each asset that uses the trigger as a watcher.

    An Airflow without such a store (before 3.3) has a file in ``[qiskit_runtime] record_path`` instead, if that is set.

    Args:
        accessors: The trigger's accessors from Airflow; None if it watches no asset, or Airflow has no store.
        key: Distinguishes this trigger from other watchers of the same assets.
        has_store: Whether this Airflow has such a store.
    """

    def __init__(self, accessors: AssetStateStoreAccessors | None, key: str, *, has_store: bool = True) -> None:
        self._stores = _of_each_asset(accessors)
        self._key = key
        root = None if has_store else record_path()
        self._file = FileWatermark(root, key) if root is not None else None

    async def load(self) -> Sequence[Any]:
        """Return the stored values of all assets that have one.

        Raises:
            Exception: Any error of Airflow if the store cannot be read.
        """
        if self._file is not None:
            stored = await asyncio.to_thread(self._file.load)
            return [] if stored is None else [stored]
        found = [await self._load(store) for store in self._stores]
        return [value for value in found if value is not None]

    async def _load(self, store: AssetStateStoreAccessor) -> Any:
        if has_async_methods(store):
            return await store.aget(self._key)
        return await in_thread(asking_airflow, store.get, self._key)

    async def save(self, value: Any) -> None:
        """Store a JSON value.

        Raises:
            Exception: Any error of Airflow if the store cannot be written.
        """
        if self._file is not None:
            await asyncio.to_thread(self._file.save, value)
        for store in self._stores:
            if has_async_methods(store):
                await store.aset(self._key, value)
            else:
                await in_thread(asking_airflow, store.set, self._key, value)


def _of_each_asset(accessors: AssetStateStoreAccessors | None) -> Sequence[AssetStateStoreAccessor]:
    if accessors is None:
        return []
    # The accessors' public interface supports a single asset, or access by the asset's name, which a trigger does not
    # know. The same trigger may watch several assets.
    return [*accessors._by_name.values(), *accessors._by_uri.values()]
