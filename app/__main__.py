"""`python -m app` is `clb-broker`."""

from app.cli import main

main()
