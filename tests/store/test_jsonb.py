from __future__ import annotations

import json

import pytest

from simqueue.store import Rejection, normalize_json


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("null", "null"),
        ("{}", "{}"),
        ('{"bb":1,"a":2,"B":3,"é":4}', '{"B": 3, "a": 2, "bb": 1, "é": 4}'),
        ('{"x":{"bb":[],"k":[{"b":1,"a":null}]}}', '{"x": {"k": [{"a": null, "b": 1}], "bb": []}}'),
        ("[1.50,1e3,1e-7,-0.0,0]", "[1.50, 1000, 0.0000001, 0.0, 0]"),
        ("1e22", "10000000000000000000000"),
        ('"a\\"b\\n"', '"a\\"b\\n"'),
    ],
)  # fmt: skip
def test_a_document_comes_back_as_jsonb_gives_it(sent: str, stored: str) -> None:
    assert normalize_json(sent) == stored
    assert normalize_json(stored) == stored
    json.loads(stored)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_has_not_is_refused(constant: str) -> None:
    with pytest.raises(Rejection) as caught:
        normalize_json(f'{{"a":{constant}}}')
    assert caught.value.error.sqlstate == "22P02"
