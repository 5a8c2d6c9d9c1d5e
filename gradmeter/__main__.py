"""``python -m gradmeter``: the command."""

from gradmeter.bench.cli import main

main()
