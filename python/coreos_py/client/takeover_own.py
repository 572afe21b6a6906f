"""What a takeover itself has put into the target: that it may remove and let end, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from coreos_py.client import requests, transfer
from coreos_py.client.engine import Engine
from coreos_py.client.errors import CompareFailedError, DirNotEmptyError, KeyNotFoundError
from coreos_py.client.takeover_record import mark_of
from coreos_py.client.transfer import Item


class Own(Mapping[str, Item]):
    """Its items by key, as the target showed them when they were written or last read."""

    def __init__(self, target: Engine) -> None:
        self._target = target
        self._items: dict[str, Item] = {}

    def __getitem__(self, key: str) -> Item:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, items: Iterable[Item]) -> None:
        """These are our work."""
        self._items.update((item.key, item) for item in items)

    def forget(self, key: str) -> None:
        """Whose this one is, is not known."""
        self._items.pop(key, None)

    def remove(self, keys: Iterable[str]) -> list[str]:
        """Remove these, each as far as it is still ours; returns what stays. Raises `EtcdError`.

        A file stays that somebody has written since, and a directory in which something is left.
        """
        kept = []
        for key in sorted(keys, key=lambda key: (key.count("/"), key), reverse=True):
            item = self._items.pop(key)
            try:
                if item.is_dir:
                    self._target.call(requests.delete(key, is_dir=True))
                else:
                    self._target.call(requests.delete(key, prev_index=item.modified_index))
            except KeyNotFoundError:
                continue
            except (CompareFailedError, DirNotEmptyError):
                kept.append(key)
        return kept

    def below(self, dir_key: str) -> list[str]:
        """Our keys in a directory and its own."""
        return [key for key in self._items if key == dir_key or key.startswith(f"{dir_key}/")]

    def has_others(self, dir_key: str) -> bool:
        """Whether the directory shows something that is not our work. Raises `EtcdError`."""
        node = self._target.call(requests.get(dir_key, recursive=True, quorum=True)).node
        return any(
            item.key not in self._items or mark_of(self._items[item.key]) != mark_of(item)
            for item in transfer.items_of(node)
        )
