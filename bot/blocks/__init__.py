"""Pure builders: a view of a run in, blocks out."""
