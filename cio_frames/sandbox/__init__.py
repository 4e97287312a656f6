"""A local Customer.io that answers like the real one and shows what it received.

It reads the spec and nothing else of this package, so that it cannot share a mistake with the code that
sends. What nobody documents about the real API is marked "assumed" where it is decided.
"""

from cio_frames.sandbox.server import Sandbox

__all__ = ["Sandbox"]
