"""What searches and comparisons of runs found out, as text.

``replay``      the result of a replay, in one sentence
``regression``  the result of a saved failure that was played again, in one line
``shrink``      how far a trace was shrunk
``inevitable``  the event after which a failure could not be avoided
``nearest``     a failing run and the most similar run that passes
``tables_at``   the tables as they stood after an event
"""
