"""The effect of each choice that was not calm.

``explain_choices``  one line for each of them
``choice_context``   such a choice, with the run it was made in
``explain_delays``   a message, a commit or a notification that came late
``explain_faults``   a fault
``concurrent``       what happened between two moments
"""
