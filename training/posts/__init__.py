"""Our posts, their rules, and the public corpora."""
