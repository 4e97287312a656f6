"""cio_frames."""
