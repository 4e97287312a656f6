"""The same calls on the frames of engines: Dask and Spark.

An engine does two things here: it writes the rows of each partition to files, once, and it runs functions on its
workers. Everything else is the one flow. ``exchange`` decides which rows belong together, ``stage`` writes them to a
folder that all workers reach (``store``), ``bucket`` sends the rows of some people, and ``totals`` adds up.
``dask_engine`` and ``spark_engine`` are the engines, ``driver`` the whole of it. An engine is imported only when a
frame of its own is given.

Nothing that sends is ever part of a lazy graph, which engines compute again and again.
"""
