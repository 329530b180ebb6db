"""Random sequences: how many, of what length, and what is drawn for each step of one."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from sides import Call, Rig
from vocabulary import Draw, Vocabulary

SEQUENCES = (1000, 60, "SIMQUEUE_PARITY_SEQUENCES")
"""How many with --thorough, how many without, and the variable that overrides both."""

OPERATIONS = 60


class Turn(NamedTuple):
    """How far the clock moves, and what is called then."""

    pause_us: int
    call: Call


@st.composite
def turns(draw: Draw) -> Turn:
    """Draw the pause first: what is called next may aim at the deadline it moved to."""
    words: Vocabulary = draw(st.runner()).words
    return Turn(words.next_pause_us(draw), words.next_call(draw))


def compare(
    machine: Callable[[], RuleBasedStateMachine], share: float, rig: Rig, request: Any
) -> None:
    """Run a share of all sequences on a machine, and record how much was compared."""
    sequences = share * request.getfixturevalue("thorough")(*SEQUENCES)
    seeded = request.config.getoption("--hypothesis-seed", None) is not None
    before = rig.sequences, rig.operations
    try:
        run_state_machine_as_test(
            machine,  # type: ignore[arg-type]
            settings=settings(
                max_examples=max(1, round(sequences)),
                stateful_step_count=OPERATIONS,
                derandomize=not seeded,
                database=None,
                deadline=None,
                print_blob=True,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        done, operations = rig.sequences - before[0], rig.operations - before[1]
        request.node.user_properties.append(("parity", (rig.label, done, operations)))
