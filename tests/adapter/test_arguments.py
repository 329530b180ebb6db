import pytest

from simqueue.adapter.arguments import check_integer
from simqueue.errors import PostgresError


@pytest.mark.parametrize("bits", [31, 63])
def test_integers_fit_their_column(bits: int) -> None:
    for value in (-(2**bits), 2**bits - 1):
        assert check_integer(value, bits) == value
    for value in (-(2**bits) - 1, 2**bits):
        with pytest.raises(PostgresError, match="out of int") as caught:
            check_integer(value, bits)
        assert caught.value.sqlstate == "22000"
