import msgspec
import pytest

from simqueue.errors import UsageError
from simqueue.model.trace import decode, encode
from simqueue.report.export import FORMATS, render_export


@pytest.mark.parametrize("name", FORMATS)
def test_equal_traces_give_equal_bytes(played, name):
    again = decode(encode(played))
    assert again is not played
    assert render_export(again, name) == render_export(played, name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_without_events_can_be_exported(trace, name):
    empty = msgspec.structs.replace(trace, events=(), choices=())
    document = render_export(empty, name)
    assert (document == b"") == (name == "jsonl")


def test_a_format_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match="no format 'xml'; choose perfetto, otlp, jsonl"):
        render_export(None, "xml")
