"""The commands of gradmeter, one concept a file; each is thin: parse, call, print."""
