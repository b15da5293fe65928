"""The snippets are read by checkers, and not run: some of them are wrong."""

collect_ignore = ["snippets"]
