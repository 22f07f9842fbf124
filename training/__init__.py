"""The recipe that makes the packaged model; it calls the library's own public functions."""
