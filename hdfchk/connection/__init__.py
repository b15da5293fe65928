"""Opening and closing of storage, turns of threads and tasks on it, and transactions."""
