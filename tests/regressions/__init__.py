"""One test for each fault that was found, under its name, and tests of its kind."""
