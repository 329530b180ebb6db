from contextvars import ContextVar
AMBIENT: ContextVar = ContextVar("x",default=None)
