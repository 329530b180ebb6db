import subprocess
import sys

import pytest

from simqueue.search.processes import address_space

ASK = "print(hash(None) if __import__('sys').version_info < (3, 12) else id(None))"


@pytest.fixture(autouse=True)
def as_before():
    """Leave this process's children the addresses they had."""
    fixed = address_space.are_fixed()
    yield
    address_space._change(fixed=fixed)


def seen_by_children(count=4):
    commands = [[sys.executable, "-c", ASK] for _ in range(count)]
    return {subprocess.run(each, capture_output=True, check=True).stdout for each in commands}


def test_children_find_none_at_one_address_if_addresses_are_fixed():
    if not address_space.fix():
        assert not address_space.are_fixed()
        return
    assert address_space.are_fixed()
    assert len(seen_by_children()) == 1
    with address_space.randomized():
        assert not address_space.are_fixed()
    assert address_space.are_fixed()


def test_a_system_that_forbids_it_is_no_error(monkeypatch):
    monkeypatch.setattr(address_space, "_personality", lambda _: None)
    assert not address_space.fix()
    assert not address_space.are_fixed()
    with address_space.randomized():
        pass
