"""Where an event trigger keeps what it has seen: in the state store of the assets it watches for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.execution_time.context import AssetStateStoreAccessor, AssetStateStoreAccessors


class Watermark:
    """One key in the state store of each asset that has the trigger for a watcher.

    Args:
        accessors: What Airflow has given the trigger; None if it watches for no asset, and keeps nothing.
        key: Tells this trigger from other watchers of the same assets.
    """

    def __init__(self, accessors: AssetStateStoreAccessors | None, key: str) -> None:
        self._stores = _of_each_asset(accessors)
        self._key = key

    async def load(self) -> Sequence[Any]:
        """Return what is kept, of each asset that has something.

        Raises:
            Exception: Whatever Airflow raises when the store cannot be read now.
        """
        found = [await store.aget(self._key) for store in self._stores]
        return [value for value in found if value is not None]

    async def save(self, value: Any) -> None:
        """Keep a JSON value.

        Raises:
            Exception: Whatever Airflow raises when the store cannot be written now.
        """
        for store in self._stores:
            await store.aset(self._key, value)


def _of_each_asset(accessors: AssetStateStoreAccessors | None) -> Sequence[AssetStateStoreAccessor]:
    if accessors is None:
        return []
    # The accessors themselves stand for a single asset only, and give out others by the asset's name, which a trigger
    # is not told. The same trigger may be the watcher of several assets.
    return [*accessors._by_name.values(), *accessors._by_uri.values()]
