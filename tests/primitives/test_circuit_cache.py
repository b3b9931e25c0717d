"""Entries are returned complete or not at all, even with other writers, and the directory stays within its limit."""

import multiprocessing
import os
import random
import stat
import time

import pytest

from airflow_provider_qrt.primitives.circuits.cache import CircuitCache
from airflow_provider_qrt.untrusted import private_cache
from airflow_provider_qrt.untrusted.private_cache import STALE_SECONDS, default_directory

KEY, OTHER = "a" * 64, "b" * 64


def noise(size, seed=0):
    """Bytes that cannot be compressed, always the same."""
    return random.Random(seed).randbytes(size)


@pytest.fixture
def cache(tmp_path):
    return CircuitCache(tmp_path / "circuits")


def files(cache):
    return sorted(path.name for path in cache.directory.iterdir())


def test_what_was_put_comes_back_and_only_under_its_key(cache):
    assert cache.get(KEY) is None
    cache.put(KEY, b"first")
    assert cache.get(KEY) == b"first"
    assert cache.get(OTHER) is None
    cache.put(KEY, b"second")
    assert cache.get(KEY) == b"second"
    assert files(cache) == [f"{KEY}.circuit"]


def test_circuits_are_kept_compressed(cache):
    cache.put(KEY, bytes(1_000_000))
    assert (cache.directory / f"{KEY}.circuit").stat().st_size < 2000
    assert cache.get(KEY) == bytes(1_000_000)


def test_another_object_finds_what_was_put(cache):
    cache.put(KEY, b"kept")
    assert CircuitCache(str(cache.directory)).get(KEY) == b"kept"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: bytes([content[0] ^ 1]) + content[1:],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content + b"x",
    ],
    ids=["one byte short", "half written", "empty", "other content", "other digest", "too long"],
)
def test_a_damaged_file_counts_as_not_there_and_is_replaced(cache, damage, caplog):
    cache.put(KEY, b"a circuit")
    path = cache.directory / f"{KEY}.circuit"
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(KEY) is None
    assert "damaged" in caplog.text
    cache.put(KEY, b"a circuit")
    assert cache.get(KEY) == b"a circuit"


def test_a_file_under_the_name_of_another_circuit_is_not_taken_for_it(cache):
    cache.put(KEY, b"a circuit")
    (cache.directory / f"{KEY}.circuit").rename(cache.directory / f"{OTHER}.circuit")
    assert cache.get(OTHER) is None


def test_the_entries_unused_for_the_longest_time_make_room(tmp_path):
    cache = CircuitCache(tmp_path, max_bytes=3 * 150)
    for age, key in ((300, "old"), (200, "used"), (100, "young")):
        cache.put(key, noise(100))
        os.utime(tmp_path / f"{key}.circuit", (time.time() - age,) * 2)
    assert cache.get("used") is not None
    cache.put("new", noise(100))
    assert files(cache) == ["new.circuit", "used.circuit", "young.circuit"]
    cache.put("large", noise(3 * 100 + 32))
    assert files(cache) == ["large.circuit"]


def test_a_circuit_larger_than_the_whole_cache_drives_nothing_out(tmp_path, caplog):
    cache = CircuitCache(tmp_path, max_bytes=200)
    cache.put(KEY, noise(100))
    cache.put(OTHER, noise(200))
    assert cache.get(OTHER) is None
    assert cache.get(KEY) == noise(100)
    assert "larger than the whole cache" in caplog.text


def test_what_a_killed_process_left_unfinished_goes_after_a_while(cache):
    cache.put(KEY, b"")
    stale, fresh = (cache.directory / f"{name}.unfinished" for name in ("stale", "fresh"))
    for path, age in ((stale, STALE_SECONDS + 60), (fresh, 0)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    cache.put(OTHER, b"")
    assert files(cache) == [f"{KEY}.circuit", f"{OTHER}.circuit", "fresh.unfinished"]


def test_a_write_that_fails_midway_leaves_the_old_entry_and_no_rest(cache, monkeypatch, caplog):
    cache.put(KEY, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private_cache.Path, "replace", full)
    cache.put(KEY, b"new")
    assert "No space left" in caplog.text
    assert files(cache) == [f"{KEY}.circuit"]
    assert cache.get(KEY) == b"old"


def test_a_place_that_cannot_be_written_or_read_fails_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    cache = CircuitCache(tmp_path / "file" / "circuits")
    cache.put(KEY, b"x")
    assert "Nothing can be kept in the cache" in caplog.text
    assert cache.get(KEY) is None
    assert "cannot be read" in caplog.text


def test_the_directory_is_the_owners_and_one_that_all_may_write_to_is_not_used(cache, caplog):
    cache.put(KEY, b"mine")
    assert stat.S_IMODE(cache.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((cache.directory / f"{KEY}.circuit").stat().st_mode) == 0o600
    cache.directory.chmod(0o777)
    assert cache.get(KEY) is None
    cache.put(OTHER, b"x")
    assert files(cache) == [f"{KEY}.circuit"]
    assert "every user of this machine may write there" in caplog.text


def test_a_directory_of_somebody_else_is_not_used_even_if_it_is_named(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    CircuitCache().put(KEY, b"mine")
    assert CircuitCache().get(KEY) == b"mine"
    monkeypatch.setattr(private_cache.os, "geteuid", lambda: os.getuid() + 1)
    assert CircuitCache().get(KEY) is None
    assert "belongs to another user" in caplog.text
    assert CircuitCache(default_directory("circuits")).get(KEY) is None


def test_the_default_directory_is_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert CircuitCache().directory == tmp_path / "airflow-provider-qrt" / "circuits"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert CircuitCache().directory == tmp_path / "home" / ".cache" / "airflow-provider-qrt" / "circuits"


def test_a_user_without_a_home_gets_a_directory_of_their_own(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(private_cache.Path, "home", homeless)
    assert str(os.geteuid()) in str(CircuitCache().directory)


CONTENTS = [noise(300_000, seed) for seed in range(4)]


def _write_and_read(directory, mine, rounds, bad):
    cache = CircuitCache(directory, max_bytes=1_000_000)
    for turn in range(rounds):
        cache.put(KEY, CONTENTS[mine])
        cache.put(f"{mine}{turn % 3}", CONTENTS[mine])
        found = cache.get(KEY)
        if found is not None and found not in CONTENTS:
            bad.put(found[:10])


def test_processes_that_write_read_and_make_room_at_once_never_see_a_mixture(tmp_path):
    context = multiprocessing.get_context("spawn")
    bad = context.Queue()
    workers = [context.Process(target=_write_and_read, args=(tmp_path, mine, 60, bad)) for mine in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert bad.empty()
    left = sorted(tmp_path.iterdir())
    assert left
    assert all(path.name.endswith(".circuit") for path in left)
    assert sum(path.stat().st_size for path in left) <= 1_000_000
    assert all(CircuitCache(tmp_path).get(path.stem) in CONTENTS for path in left)
