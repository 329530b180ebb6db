from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from simqueue.choices import Choices, Seeded
from simqueue.choices.mutation import Mutated
from simqueue.model.choice import actor_of, kind_of

KEYS = tuple(f"{actor} q{task} {kind}" for actor in "ab" for task in "12" for kind in ("x", "y"))
PICKS = 60
SALTS = range(120)


def picks(source):
    """Return what each key picks, and what is recorded of it."""
    door = Choices(source)
    made = {key: [door.stream(key).deviate(64) for _ in range(PICKS)] for key in KEYS}
    return made, door.recorded()


BASE, RECORDED = picks(Seeded(11))


def changed(salt):
    made, _ = picks(Mutated(RECORDED, salt))
    return {key for key in KEYS if made[key] != BASE[key]}


@given(st.integers(0, 2**63))
def test_equal_salts_mutate_alike(salt):
    assert picks(Mutated(RECORDED, salt)) == picks(Mutated(RECORDED, salt))


def test_some_mutants_keep_most_and_some_change_much():
    shares = [len(changed(salt)) for salt in SALTS]
    assert min(shares) == 0
    assert max(shares) >= len(KEYS) // 2
    assert sum(share <= len(KEYS) // 2 for share in shares) > len(shares) / 2


def test_a_key_is_kept_whole_or_up_to_a_point():
    spliced = 0
    for salt in SALTS:
        fresh, _ = picks(Seeded(salt))
        made, _ = picks(Mutated(RECORDED, salt))
        for key in KEYS:
            if made[key] in (BASE[key], fresh[key]):
                continue
            same = [mine == kept for mine, kept in zip(made[key], BASE[key], strict=True)]
            cuts = range(same.index(False) + 1)
            assert any(made[key][cut:] == fresh[key][: PICKS - cut] for cut in cuts)
            spliced += 1
    assert spliced > 20


def test_what_belongs_together_may_be_picked_anew_together():
    alone = together = 0
    for salt in SALTS:
        keys = changed(salt)
        actors, kinds = {actor_of(key) for key in keys}, {kind_of(key) for key in keys}
        together += len(keys) > 1 and (len(actors) == 1 or len(kinds) == 1)
        alone += len(keys) == 1
    assert alone
    assert together


def test_values_are_kept_or_picked_anew_by_key():
    kept = 0
    base = Choices(Seeded(11))
    wanted = [base.draws("a random").pick(1000) for _ in range(20)]
    for salt in SALTS:
        draws = Choices(Mutated(base.recorded(), salt)).draws("a random")
        got = [draws.pick(1000) for _ in range(20)]
        fresh = Choices(Seeded(salt)).draws("a random")
        assert got in (wanted, [fresh.pick(1000) for _ in range(20)])
        kept += got == wanted
    assert len(SALTS) / 2 < kept < len(SALTS)


def test_mutants_of_one_run_differ():
    runs = [tuple(map(tuple, picks(Mutated(RECORDED, salt))[0].values())) for salt in range(20)]
    assert len(set(runs)) > 12
    assert sum(one != other for one, other in pairwise(runs)) > 12
