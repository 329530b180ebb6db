"""Random sequences of calls on both sides, everything compared after each call.

1,000 sequences with --thorough, 60 without; ``SIMQUEUE_PARITY_SEQUENCES=N`` plays N, and
``--hypothesis-seed=N`` other ones.
"""

from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sequences import Turn, compare, turns
from sides import Call, Rig, Step
from undefined import (
    Statements,
    answer_difference,
    heard_difference,
    open_log_ids,
    state_difference,
)
from vocabulary import THEMES, Vocabulary, vocabularies

SHARES = {
    "everything": 0.3,
    "slots": 0.15,
    "keys": 0.15,
    "schedules": 0.1,
    "times": 0.15,
    "hostile": 0.15,
}


class Parity(RuleBasedStateMachine):
    """One sequence: PgQueuer on PostgreSQL does it, and simqueue has to do the same."""

    def __init__(self, rig: Rig, theme: str) -> None:
        super().__init__()
        self.rig, self.theme = rig, theme
        self.simulated = rig.begin()
        self.statements = Statements()
        self.words: Vocabulary | None = None

    @initialize(words=st.runner().flatmap(lambda self: self.vocabularies()))
    def speak(self, words: Vocabulary) -> None:
        self.words = words

    def vocabularies(self) -> st.SearchStrategy[Vocabulary]:
        return vocabularies(self.theme, self.rig.clock, self.simulated.database.tables)

    @rule(turn=turns())
    def step(self, turn: Turn) -> None:
        pause_us, call = turn
        self.rig.clock.now_us += pause_us
        real, simulated = self.rig.step(self.simulated, call)
        if open_log_ids(call, real):
            self.follow(call, real, simulated)
        self.statements.executed(real.state)
        found = self.differences(call, real, simulated)
        assert not found, f"{call} differs: {found}"

    def follow(self, call: Call, real: Step, simulated: Step) -> None:
        """Let simqueue's log go on where PostgreSQL's does."""
        drawn = real.state.next_ids[1] - self.statements.log_end
        assert 0 <= drawn < len(set(call.args[0]))
        simulated.state.next_ids[1] = real.state.next_ids[1]
        self.simulated.database.tables.log.next_id = real.state.next_ids[1]

    def differences(self, call: Call, real: Step, simulated: Step) -> str:
        """Return how the two sides differ after a call; nothing if they do not."""
        found = [
            state_difference(real.state, simulated.state, self.statements),
            answer_difference(call, real, simulated, self.statements),
            heard_difference(real.heard, simulated.heard),
        ]
        return "\n".join(each for each in found if each is not None)


@pytest.mark.parametrize("theme", THEMES)
def test_simqueue_does_what_pgqueuer_does_on_postgresql(theme, rig, request):
    compare(partial(Parity, rig, theme), SHARES[theme], rig, request)
