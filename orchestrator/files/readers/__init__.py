"""One module a format, each with `read(file) -> Reading`; loaded only where it is needed."""
