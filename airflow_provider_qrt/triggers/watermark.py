"""Storage of an event trigger's last state, in the state store of the assets that it watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.execution_time.context import AssetStateStoreAccessor, AssetStateStoreAccessors


class Watermark:
    """One key in the state store of each asset that uses the trigger as a watcher.

    Args:
        accessors: The trigger's accessors from Airflow; None if it watches no asset, so that nothing is stored.
        key: Distinguishes this trigger from other watchers of the same assets.
    """

    def __init__(self, accessors: AssetStateStoreAccessors | None, key: str) -> None:
        self._stores = _of_each_asset(accessors)
        self._key = key

    async def load(self) -> Sequence[Any]:
        """Return the stored values of all assets that have one.

        Raises:
            Exception: Any error of Airflow if the store cannot be read.
        """
        found = [await store.aget(self._key) for store in self._stores]
        return [value for value in found if value is not None]

    async def save(self, value: Any) -> None:
        """Store a JSON value.

        Raises:
            Exception: Any error of Airflow if the store cannot be written.
        """
        for store in self._stores:
            await store.aset(self._key, value)


def _of_each_asset(accessors: AssetStateStoreAccessors | None) -> Sequence[AssetStateStoreAccessor]:
    if accessors is None:
        return []
    # The accessors' public interface supports a single asset, or access by the asset's name, which a trigger does not
    # know. The same trigger may watch several assets.
    return [*accessors._by_name.values(), *accessors._by_uri.values()]
