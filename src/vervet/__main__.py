"""`python -m vervet` is `vervet`."""

from vervet.cli import main

main()
