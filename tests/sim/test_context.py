"""Context variables of the code that starts a run."""

import contextvars
import decimal

from simqueue.sim.run import run

TENANT = contextvars.ContextVar("TENANT", default=None)


def test_the_scenario_sees_the_variables_that_are_set_around_the_run():
    seen = []

    async def scenario(sim):
        seen.append(TENANT.get())
        TENANT.set("globex")

    token = TENANT.set("acme")
    try:
        run(scenario).check()
        run(scenario).check()
        assert TENANT.get() == "acme"
    finally:
        TENANT.reset(token)
    assert seen == ["acme", "acme"]


def test_workers_are_other_processes_and_do_not_see_them():
    seen = []

    def app(pq):
        @pq.entrypoint("x")
        async def x(job):
            seen.append(TENANT.get())

    async def scenario(sim):
        sim.worker("a", app)
        await sim.queries.enqueue("x", None)
        await sim.settled()

    contextvars.copy_context().run(lambda: (TENANT.set("acme"), run(scenario).check()))
    assert seen == [None]


def test_what_arithmetic_leaves_in_the_decimal_context_stays_in_the_run():
    async def scenario(sim):
        assert decimal.getcontext().prec == 7
        decimal.getcontext().prec = 3

    def both():
        decimal.setcontext(decimal.Context(prec=7))
        run(scenario).check()
        run(scenario).check()

    contextvars.copy_context().run(both)
