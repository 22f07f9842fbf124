"""How the packaged model behaves on posts that a program has changed: `python -m tests.behaviour`.

Disguises, edits after CheckList, and group terms. All of it is for tests and lies in neither wheel
nor sdist. A changed post lives in memory only: none is printed or written, and results are
published by group.
"""

__all__: list[str] = []
