"""Addresses are masked in whatever way they are written; numbers of the application's own stay."""

import threading

import pytest

from simqueue.sim.text.addresses import MASK, without_addresses

THING = object()
WRITTEN = {
    "decimal": str(id(THING)),
    "hexadecimal": hex(id(THING)),
    "capitals": hex(id(THING)).upper(),
    "bare": f"{id(THING):x}",
    "bare capitals": f"{id(THING):X}",
    "padded": f"{id(THING):016x}",
    "thread": str(threading.get_ident()),
    "with an underscore": f"job_{id(THING)}",
}


@pytest.mark.parametrize("written", WRITTEN)
def test_an_address_is_masked(written):
    masked = without_addresses(f"got <{WRITTEN[written]}>, done")
    assert masked == f"got <{'job_' if 'job_' in WRITTEN[written] else ''}{MASK}>, done"


@pytest.mark.parametrize(
    "text",
    [
        "order 123456789012345",
        "paid 1704067200000 at 1704067200123456",
        "commit deadbeef0123 of 4a7d1ed41447",
        "ab12cd34-0000-4000-8000-00e04c68aa10",
        f"order {id(THING) + 1}",
        f"card 4{id(THING)}",
        f"sku A{id(THING):x}",
        "0x12",
    ],
    ids=["number", "time", "commit", "uuid", "unaligned", "longer", "letter", "short"],
)
def test_a_number_that_is_no_address_stays(text):
    assert without_addresses(text) == text


def test_the_address_of_what_is_gone_with_its_memory_is_no_longer_known():
    assert without_addresses(f"{2**46 - 16}") == f"{2**46 - 16}"
