import pytest

from simqueue.model.findings import Shrinking
from simqueue.report.findings.shrink import render_shrinking


@pytest.mark.parametrize(
    ("shrinking", "line"),
    [
        (Shrinking(9, 2, 40, False), "9 deviations from calm became 2 in 40 runs; more runs may"),
        (Shrinking(9, 2, 40, True), "in 40 runs; without any one of them it does not fail that"),
        (Shrinking(9, 0, 1, True), "9 deviations from calm became 0 in 1 run"),
    ],
)
def test_the_line_says_whether_fewer_deviations_are_possible(shrinking, line):
    assert line in render_shrinking(shrinking)
    assert (render_shrinking(shrinking) == line) is (shrinking.after == 0)
