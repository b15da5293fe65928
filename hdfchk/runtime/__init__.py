"""What the package asks of the interpreter and the system: signals, timers, hooks, POSIX calls."""
