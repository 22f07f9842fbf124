"""The files for a computer without internet."""
