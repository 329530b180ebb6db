"""Edits: what people do to an application between a failure and its replay."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

_HERE = Path(__file__).parent / "applications"


@dataclass(frozen=True, slots=True)
class Application:
    """A small application with one bug, and what its edits have to know of it.

    ``handler`` is the one that the edits are about, ``local`` a name in it, ``fix`` how the bug is
    mended: what is to be replaced by what. ``faults`` have to strike for the bug to show.
    """

    name: str
    handler: str
    local: str
    fix: tuple[tuple[str, str], ...]
    faults: str = "none"

    @property
    def source(self) -> str:
        """The application as it was when it failed."""
        return (_HERE / f"{self.name}.py").read_text(encoding="utf-8")


_WAITING = """\
            while job.payload not in orders:
                await asyncio.sleep(0.05)
"""

APPLICATIONS = (
    Application(
        "lost_update",
        "transfer",
        "balance",
        (
            ("            balance = balances[account]\n", ""),
            ("balances[account] = balance + 1", "balances[account] += 1"),
        ),
    ),
    Application(
        "half_written",
        "write",
        "text",
        (("            page[0] = text\n", ""), ("page[1] = text", "page[:] = text, text")),
    ),
    Application(
        "paid_twice",
        "pay",
        "due",
        (("paid.append(due)", "paid.extend({due}.difference(paid))"),),
        faults="crash",
    ),
    Application("swept_away", "order", "goods", (("cart.clear()", "del cart[: len(batch)]"),)),
    Application(
        "out_of_order",
        "create",
        "number",
        (
            (
                "            if job.payload in orders:\n",
                _WAITING + "            if job.payload in orders:\n",
            ),
        ),
    ),
    Application(
        "lost_lease",
        "render",
        "pages",
        (("sim.burn(timedelta(seconds=0.25))", "await asyncio.sleep(0.25)"),),
    ),
    Application(
        "mailed_twice",
        "order",
        "wanted",
        (("mailed.append(job.payload)", "mailed.extend({job.payload}.difference(mailed))"),),
        faults="slow",
    ),
)


def fixed(application: Application) -> str:
    """Return the source without the bug."""
    source = application.source
    for old, new in application.fix:
        source = _replaced(source, old, new)
    return source


# --- innocent edits -----------------------------------------------------------------------------


def a_log_line(application: Application) -> str:
    return _in_handler(application, 'sim.log.info("at work", job=job.id)')


def a_renamed_local(application: Application) -> str:
    changed, count = re.subn(rf"\b{application.local}\b", "renamed", application.source)
    assert count > 1
    return changed


def a_handler_split_in_two(application: Application) -> str:
    return _in_handler(
        application, "await carry_out(job)\n\nasync def carry_out(job: Job) -> None:", dedent=1
    )


def an_extra_await(application: Application) -> str:
    return _in_handler(application, "await asyncio.sleep(0)")


def an_extra_task_in_the_handler(application: Application) -> str:
    audit = "async def audit() -> None:\n    for _ in range(3):\n        await asyncio.sleep(0)\n"
    return _in_handler(application, f"{audit}\nauditing = asyncio.create_task(audit())")


def an_extra_task_in_the_scenario(application: Application) -> str:
    watch = (
        "async def watch() -> None:\n    for _ in range(20):\n        await asyncio.sleep(0.05)\n"
    )
    return _in_scenario(application, f"{watch}\nwatching = asyncio.create_task(watch())")


def a_query_in_the_handler(application: Application) -> str:
    return _in_handler(application, "await pq.qm.queries.queue_size()")


def a_query_in_the_scenario(application: Application) -> str:
    return _in_scenario(application, "await sim.queries.queue_size()")


def a_new_entrypoint(application: Application) -> str:
    return _in_app(application, _ENTRYPOINT)


def a_new_schedule(application: Application) -> str:
    return _in_app(application, _SCHEDULE)


def another_worker(application: Application) -> str:
    other = "def other(pq: PgQueuer) -> None:\n" + indent(_ENTRYPOINT, "    ")
    return _in_scenario(application, f'{other}\n\nsim.worker("other", other)')


def another_job(application: Application) -> str:
    source = _in_app(application, _ENTRYPOINT)
    return _inserted(source, _SCENARIO, 'await sim.queries.enqueue("greet", b"hello")', "    ")


INNOCENT: tuple[Callable[[Application], str], ...] = (
    a_log_line,
    a_renamed_local,
    a_handler_split_in_two,
    an_extra_await,
    an_extra_task_in_the_handler,
    an_extra_task_in_the_scenario,
    a_query_in_the_handler,
    a_query_in_the_scenario,
    a_new_entrypoint,
    a_new_schedule,
    another_worker,
    another_job,
)

_ENTRYPOINT = """\
@pq.entrypoint("greet")
async def greet(job: Job) -> None:
    await asyncio.sleep(0.01)
"""
_SCHEDULE = """\
@pq.schedule("tidy", "* * * * * */3")
async def tidy(schedule: object) -> None:
    await asyncio.sleep(0.01)
"""
_SCENARIO = "async def scenario(sim: Simulation) -> None:\n"
_APP = "    def app(pq: PgQueuer) -> None:\n"


def _in_scenario(application: Application, code: str) -> str:
    return _inserted(application.source, _SCENARIO, code, "    ")


def _in_app(application: Application, code: str) -> str:
    return _inserted(application.source, _APP, f"{code}\n", "        ")


def _in_handler(application: Application, code: str, dedent: int = 0) -> str:
    head = f"async def {application.handler}(job: Job) -> None:\n"
    first, *rest = code.split("\n", 1)
    inner = indent(first, " " * 12) + "".join(
        "\n" + indent(r, " " * (12 - 4 * dedent)) for r in rest
    )
    return _replaced(application.source, head, f"{head}{inner}\n")


def _inserted(source: str, after: str, code: str, margin: str) -> str:
    return _replaced(source, after, f"{after}{indent(code, margin)}\n")


def _replaced(source: str, old: str, new: str) -> str:
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
    return source.replace(old, new)
