"""``python -m cio_frames`` is ``cio-frames``."""

from cio_frames.cli.app import main

if __name__ == "__main__":
    main()
