"""The decision core: sans-IO, deterministic, standard library only."""
