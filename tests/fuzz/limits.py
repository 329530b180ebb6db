"""What a command may use, memory and processor time, and which files it may touch."""

import resource
import signal
from contextlib import contextmanager
from pathlib import Path

MEMORY = 500_000_000
SECONDS = 5


class ProcessorTimeError(BaseException):
    """A command used more processor time than it may; nothing of a command catches this."""


@contextmanager
def bounded(memory=MEMORY, seconds=SECONDS):
    """Let what runs in here use so much memory and processor time besides what was used before.

    The system counts both for this process alone, so that a busy machine changes neither. Beyond
    the memory an allocation fails with MemoryError, beyond the time ProcessorTimeError is raised.
    """
    space, time = (resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU))
    handler = signal.signal(signal.SIGXCPU, _stop)
    used = resource.getrusage(resource.RUSAGE_SELF)
    # The limit is one of whole seconds.
    end = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (end, time[1]))
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + memory, space[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, space)
        resource.setrlimit(resource.RLIMIT_CPU, time)
        signal.signal(signal.SIGXCPU, handler)


def _stop(*_):
    raise ProcessorTimeError


def _address_space():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def tree(top, besides=()):
    """Return all below a directory but the paths ``besides``: kind, mode, mtime and content.

    The mtime of a directory is left out: it tells only that something in it came or went.
    """
    found = {}
    for path in sorted(Path(top).rglob("*")):
        if path in besides:
            continue
        state = path.lstat()
        if path.is_symlink():
            found[path] = (state.st_mode, state.st_mtime_ns, path.readlink())
        elif path.is_dir():
            found[path] = (state.st_mode,)
        else:
            found[path] = (state.st_mode, state.st_mtime_ns, path.read_bytes())
    return found
