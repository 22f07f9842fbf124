"""The examples of docs/examples run."""
