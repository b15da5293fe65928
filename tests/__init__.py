"""The tests: a file for each module of the package, and suites, which have folders of their own."""
