"""Services of the interpreter and the system: signals, timers, hooks, POSIX calls."""
