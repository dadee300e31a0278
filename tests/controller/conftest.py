from source_fixtures import forge
from story_fixtures import open_story, story

__all__ = ["forge", "open_story", "story"]
