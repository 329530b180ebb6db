import pytest

from simqueue.errors import TargetError
from simqueue.search.nodes import PYTEST, node_of


@pytest.mark.parametrize(
    "node",
    [
        "test_x.py::test_x",
        "tests/deep dir/test_x.py::TestX::test_x[a b-1]",
        "../other/test_x.py::test_x",
        "/elsewhere/a:b/test_x.py::test_x",
        "test_x.py::test_x[--junitxml=x]",
        "test_x.py::test_x[a::b[1]'\"$(x)\n]",
        "test_é.py::test_ü[]",
    ],
)
def test_the_id_of_a_test_is_taken_as_it_is(node):
    assert node_of(PYTEST + node) == node


@pytest.mark.parametrize(
    "node",
    [
        "",
        "test_x.py",
        "tests",
        "--junitxml=victim.txt",
        "-pevilplug",
        "--junitxml=victim.py::test_x",
        "-c=a.py::test_x",
        "@list.py::test_x",
        "evil.txt::test_x",
        ".py",
        "evil.txt::a.py::test_x",
        "evil.txt[.py::test_x]",
        "test_x.py::",
        "test_x.py::test_x[a",
        "test_x.py::test_x[a] --junitxml=victim.txt",
        "test_x.py::test_x\n--junitxml=victim.txt",
        "\x1b[2Jtest_x.py::test_x",
    ],
)
def test_what_pytest_could_take_for_anything_else_is_refused(node):
    with pytest.raises(TargetError, match=r"is not a test's id") as caught:
        node_of(PYTEST + node)
    assert str(caught.value).isprintable()
