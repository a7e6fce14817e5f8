"""`python -m web.cli`: the same as `zoombridge`."""

from web.cli import main

main()
