"""`python -m gongbi`."""

from gongbi.cli import main

main()
