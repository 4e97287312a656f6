"""Where the stages meet: columns, validate, encode, batch, deliver, result frame.

Everything left of deliver is pure: no clock, no network. A dry run is the same flow without deliver. ``request`` is
what is asked for, ``prepared`` a frame whose columns are found and whose rows are checked, ``sending`` one run over
its rows, ``running`` the flow from one end to the other.
"""

from cio_frames.pipeline.call_spec import CallSpec, types_of
from cio_frames.pipeline.encode_run import EncodedSlice, EncodeRun
from cio_frames.pipeline.prepared import Prepared
from cio_frames.pipeline.running import ids_of, payloads, report, run

__all__ = ["CallSpec", "EncodeRun", "EncodedSlice", "Prepared", "ids_of", "payloads", "report", "run", "types_of"]
