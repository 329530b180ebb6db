"""The line of code that a call comes from, and how a call is refused.

``places``     the user's frame behind a call, an exception or a waiting task
``origins``    the same, with the libraries in between
``refusing``   raises ``RefusedError`` for a call of the run's thread
``advice``     what to do instead, which depends on where the call comes from
``debuggers``  frames of debuggers, which are no part of the run
"""
