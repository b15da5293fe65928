"""Who else is there: processes, threads, other programs, and what they do to the file of a store."""
