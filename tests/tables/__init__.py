"""Tables: frames and groups of columns that are read by parts, and that grow."""
