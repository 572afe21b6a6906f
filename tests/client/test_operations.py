"""Operations on keys, with both clients on ours and on Debian's etcd; the reference's section 3 expects."""

from __future__ import annotations

from typing import Any

import pytest

from coreos_py.client import (
    CompareFailedError,
    DirNotEmptyError,
    KeyExistsError,
    KeyNotFoundError,
    NotADirError,
    NotAFileError,
    ServerError,
)
from tests.client.faces import play


def test_files(url: str, shell: str, top: str) -> None:
    async def scenario(etcd: Any) -> None:
        key = f"{top}/a"
        made = await etcd.create(key, "1")
        assert (made.action, made.value, made.prev_node) == ("create", "1", None)
        assert made.node.created_index == made.node.modified_index == made.etcd_index
        with pytest.raises(KeyExistsError):
            await etcd.create(key, "2")
        updated = await etcd.update(key, "2")
        assert (updated.action, updated.prev_node.value) == ("update", "1")
        assert updated.node.created_index == made.node.created_index
        replaced = await etcd.set(key, "3")
        assert (replaced.action, replaced.node.created_index) == ("set", replaced.node.modified_index)
        read = await etcd.get(key, quorum=True)
        assert (read.value, read.node.modified_index) == ("3", replaced.node.modified_index)
        gone = await etcd.delete(key)
        assert (gone.action, gone.prev_node.value) == ("delete", "3")
        for missing in (etcd.get(key), etcd.update(key, "x"), etcd.delete(key)):
            with pytest.raises(KeyNotFoundError) as error:
                await missing
            assert (error.value.code, error.value.status, error.value.cause) == (100, 404, key)

    play(shell, url, scenario)


@pytest.mark.parametrize(
    "value", ["", "a b+c&d=%41\n\t", "\u00fc\u4e2d\U0001f600<>&\u2028", b"bytes \xc3\xa9", "x" * 200_000]
)
def test_values_come_back(url: str, shell: str, top: str, value: str | bytes) -> None:
    async def scenario(etcd: Any) -> None:
        await etcd.set(f"{top}/k \u00fc%/+", value)
        text = value if isinstance(value, str) else value.decode()
        assert (await etcd.get(f"{top}/k \u00fc%/+")).value == text

    play(shell, url, scenario)


def test_comparing(url: str, shell: str, top: str) -> None:
    async def scenario(etcd: Any) -> None:
        key = f"{top}/a"
        first = await etcd.set(key, "1")
        swapped = await etcd.compare_and_swap(key, "2", prev_value="1")
        assert (swapped.action, swapped.value) == ("compareAndSwap", "2")
        with pytest.raises(CompareFailedError) as error:
            await etcd.compare_and_swap(key, "3", prev_value=b"1")
        assert error.value.cause == "[1 != 2]"
        with pytest.raises(CompareFailedError):
            await etcd.compare_and_swap(key, "3", prev_index=first.node.modified_index)
        index = swapped.node.modified_index
        again = await etcd.compare_and_swap(key, "3", prev_value="2", prev_index=index, ttl_s=100)
        assert again.node.ttl_s == 100
        with pytest.raises(CompareFailedError):
            await etcd.compare_and_delete(key, prev_index=index)
        assert (await etcd.compare_and_delete(key, prev_value="3")).action == "compareAndDelete"
        with pytest.raises(KeyNotFoundError):
            await etcd.compare_and_delete(key, prev_value="3")

    play(shell, url, scenario)


def test_directories(url: str, shell: str, top: str) -> None:
    async def scenario(etcd: Any) -> None:
        assert (await etcd.mkdir(top)).node.is_dir
        with pytest.raises(KeyExistsError):
            await etcd.mkdir(top)
        for name in ("b/2", "a", "b/1"):
            await etcd.set(f"{top}/{name}", name)
        assert [node.key for node in await etcd.ls(top)] == [f"{top}/a", f"{top}/b"]
        every = [node.key for node in await etcd.ls(top, recursive=True)]
        assert every == [f"{top}/a", f"{top}/b", f"{top}/b/1", f"{top}/b/2"]
        assert [node.value for node in await etcd.ls(f"{top}/a")] == ["a"]
        tree = (await etcd.get(top, recursive=True)).node
        assert [node.key for node in tree.walk()] == every
        assert [node.nodes for node in (await etcd.get(top)).node.nodes] == [None, None]
        with pytest.raises(DirNotEmptyError):
            await etcd.rmdir(top)
        with pytest.raises(NotAFileError):
            await etcd.delete(top)
        with pytest.raises(NotAFileError):
            await etcd.set(top, "x")
        with pytest.raises(NotADirError):
            await etcd.set(f"{top}/a/x", "x")
        assert (await etcd.update_dir(top, ttl_s=500)).node.ttl_s == 500
        assert (await etcd.update_dir(top)).node.ttl_s == 0
        await etcd.delete(f"{top}/b", recursive=True)
        await etcd.delete(f"{top}/a")
        await etcd.rmdir(top)
        with pytest.raises(KeyNotFoundError):
            await etcd.ls(top)

    play(shell, url, scenario)


def test_keys_in_order(url: str, shell: str, top: str) -> None:
    async def scenario(etcd: Any) -> None:
        made = [await etcd.create_in_order(top, str(number)) for number in range(3)]
        keys = [result.node.key for result in made]
        assert keys == sorted(keys)
        assert [int(key.rpartition("/")[2]) for key in keys] == [one.node.created_index for one in made]
        assert [node.value for node in await etcd.ls(top)] == ["0", "1", "2"]

    play(shell, url, scenario)


def test_time_limits(url: str, shell: str, top: str) -> None:
    async def scenario(etcd: Any) -> None:
        key = f"{top}/a"
        made = await etcd.set(key, "v", ttl_s=100)
        assert made.node.ttl_s == 100
        assert made.node.expiration.endswith("Z")
        fresh = await etcd.refresh(key, ttl_s=1000)
        assert (fresh.value, fresh.node.ttl_s) == ("v", 1000)
        assert (await etcd.refresh(key, ttl_s=50, prev_value="v")).node.ttl_s == 50
        with pytest.raises(CompareFailedError):
            await etcd.refresh(key, ttl_s=50, prev_value="w")
        with pytest.raises(KeyNotFoundError):
            await etcd.refresh(f"{top}/b", ttl_s=50)
        assert (await etcd.refresh(top, ttl_s=70, is_dir=True)).node.ttl_s == 70
        assert (await etcd.update(key, "w")).node.ttl_s == 0

    play(shell, url, scenario)


def test_the_root_is_read_only(url: str, shell: str) -> None:
    async def scenario(etcd: Any) -> None:
        with pytest.raises(ServerError) as error:
            await etcd.delete("/", recursive=True)
        assert (error.value.code, error.value.message) == (107, "Root is read only")

    play(shell, url, scenario)
