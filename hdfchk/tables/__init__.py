"""Tables: columns of equal length, which are read by columns and rows, and appended to together."""
