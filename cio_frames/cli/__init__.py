"""The command line: ``cio-frames``."""
