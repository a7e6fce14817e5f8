"""The command `zoombridge` on a machine whose clock is a quarter of an hour ahead."""

import time

SECONDS = 900.0

if __name__ == "__main__":
    right = time.time
    time.time = lambda: right() + SECONDS

    from web.cli import main

    main()
