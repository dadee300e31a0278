from source_fixtures import forge, open_source, source

__all__ = ["forge", "open_source", "source"]
