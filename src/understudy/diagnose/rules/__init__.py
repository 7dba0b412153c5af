"""The rules, one a file: what it looks at, when it fires, its evidence, its remedy, where it is known from."""
