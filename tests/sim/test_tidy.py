from pathlib import Path

import simqueue
from simqueue.sim.text.masking import Tidier

PACKAGE = Path(simqueue.__file__).parent


def test_simqueue_s_own_files_are_told_as_such_also_from_where_it_is_checked_out(monkeypatch):
    frame = f'  File "{PACKAGE / "sim" / "run.py"}", line 3, in _main'
    for directory in (PACKAGE.parent, PACKAGE, PACKAGE.parent.parent):
        monkeypatch.chdir(directory)
        assert Tidier()(frame) == '  File "simqueue/sim/run.py", line 3, in _main'


def test_a_users_file_is_told_by_its_name_wherever_it_lies(monkeypatch, tmp_path):
    frame = f'  File "{tmp_path / "jobs" / "app.py"}", line 3, in charge'
    for directory in (tmp_path, tmp_path.parent):
        monkeypatch.chdir(directory)
        assert Tidier()(frame) == '  File "app.py", line 3, in charge'
