"""A frame to JSON payloads, column by column.

``scalars`` and ``nested`` write Arrow arrays as JSON text, ``cells`` Python objects; ``arrays`` picks the writer of a
column, ``text`` joins text row by row, ``payloads`` joins the fields of a call.
"""

from cio_frames.encoding.encode_error import EncodeError
from cio_frames.encoding.options import EncodeOptions
from cio_frames.encoding.payloads import ID_PLACEHOLDER, NO_ID, NO_TIME, Calls, Encoder, write_message_ids

__all__ = [
    "ID_PLACEHOLDER",
    "NO_ID",
    "NO_TIME",
    "Calls",
    "EncodeError",
    "EncodeOptions",
    "Encoder",
    "write_message_ids",
]
