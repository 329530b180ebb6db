"""The report as one HTML page, which opens from a file and needs no network.

``rendering``  the page from a trace: what the template is given
``story``      its top: how the run ended, and in what it deviated
``data``       everything else, as one document that the page's script reads
``lanes``      what is drawn over time: statements, messages, handlers, lives, statuses
``history``    what each event changed in the tables, to step through them in both directions

Of a long log a page has a part:
``choosing``   which events
``shown``      those, and the gaps between them, as lines with places of their own
``part``       the data of such a page

The script ``page.js`` is made of sections in this order: data, time, tables, search, timeline,
list, details, keys.
"""

from simqueue.report.page.history import Change
from simqueue.report.page.rendering import render_page

__all__ = ["Change", "render_page"]
