"""The recipe of the packaged model, step by step."""
