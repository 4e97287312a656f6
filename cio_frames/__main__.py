"""``python -m cio_frames`` is ``cio-frames``."""

from cio_frames.cli import main

if __name__ == "__main__":
    main()
