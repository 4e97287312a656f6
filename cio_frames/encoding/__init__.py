"""A frame to JSON payloads, column by column.

``series`` makes Arrow arrays of pandas columns, ``arrays`` and ``cells`` write them as JSON text, ``text`` joins
text row by row, ``payloads`` puts the fields of a call together.
"""

from cio_frames.encoding.options import EncodeOptions
from cio_frames.encoding.payloads import NO_ID, NO_TIME, Calls, Encoder, with_ids

__all__ = ["NO_ID", "NO_TIME", "Calls", "EncodeOptions", "Encoder", "with_ids"]
