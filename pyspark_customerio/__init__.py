"""Spark's data source ``customerio``: ``sdf.write.format("customerio")``.

Spark finds modules named ``pyspark_*`` itself. This one is beside :mod:`cio_frames` in the same wheel. Spark imports it
in every session, so that it imports the rest only for a write.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.datasource import DataSource


class DefaultSource(DataSource):
    """The data source ``customerio``, for writes.

    Options are the parameters of :func:`cio_frames.load` as text; lists are JSON, or names with commas between them.
    """

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "customerio"

    def writer(self, schema: Any, overwrite: bool) -> Any:
        """Return what writes a frame with this schema, after everything that can be checked without rows."""
        from cio_frames.engines.spark_source import make_writer

        return make_writer(self.options, list(schema.names), overwrite=overwrite)

    def streamWriter(self, schema: Any, overwrite: bool) -> Any:  # noqa: N802 -- Spark's name
        """Refuse a stream, and say how its batches are sent."""
        from cio_frames.errors import FrameError

        raise FrameError(
            "writeStream is not supported. Send the batches of the stream, each with a folder of its own: "
            "writeStream.foreachBatch(lambda batch, number: cio.load(batch, ..., output=f's3://.../{number}'))."
        )
