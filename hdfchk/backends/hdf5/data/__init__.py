"""The elements of datasets: selection, direct I/O, chunks, filters, memory maps."""
