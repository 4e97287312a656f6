"""A local Customer.io that responds like the real one and shows what it received.

Of this package it imports the spec and the errors alone, so that it cannot share a mistake with the code that sends.
``assumptions`` lists how it decides what the API's documentation leaves open.
"""

from cio_frames.sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]
