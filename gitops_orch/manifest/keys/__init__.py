"""The tables of Compose keys, with one row a key: how its value is read, merged, expanded and checked."""
