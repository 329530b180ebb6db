from simqueue.model.rows import ScheduleRow
from simqueue.report.tables import render_table

TABLE = """\
schedules: 2 rows
  id  expression  entrypoint  heartbeat   created     updated     next_run       status
  1   * * * * *   sweep       +0.000000s  +0.000000s  +0.000000s  +60.000000s    queued
  22  0 * * * *   report      +0.000001s  +0.000002s  +0.000003s  +3600.000000s  picked"""


def test_a_table_shows_instants_as_times_and_leaves_empty_columns_out():
    rows = [
        ScheduleRow(1, "* * * * *", "sweep", 0, 0, 0, 60_000_000, None, "queued"),
        ScheduleRow(22, "0 * * * *", "report", 1, 2, 3, 3_600_000_000, None, "picked"),
    ]
    assert render_table("schedules", rows) == TABLE


def test_an_empty_table_says_so():
    assert render_table("jobs", []) == "jobs: no rows"
