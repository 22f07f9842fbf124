"""`riskclf new-key` and `riskclf sign`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli.console import note, stoppable

__all__ = ["new_key", "sign"]


def new_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The private key, a new file.")],
) -> None:
    """Make a pair of keys to sign models with: the private one in FILE, the public in FILE.pub.

    Keep FILE to yourself, best on a medium that only you have: whoever has it can sign as you.
    Give FILE.pub to those who use your models, and tell them its name by another way.
    """
    with stoppable():
        from riskclf.signatures import new_key as make

        name = make(file)
        note(f"private key: {file} (readable by you only; keep it safe)")
        note(f"public key: {file}.pub, named {name}")


def sign(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The model.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="Your private key.")],
) -> None:
    """Sign a model, so that those who have your public key know that it is as you made it.

    It is loaded and checked first. The signature is written to DIR/riskclf.sig. Where the
    environment variable RISKCLF_PUBLIC_KEY names the public key, only models that it signed are
    loaded.
    """
    with stoppable():
        from riskclf import artifact

        name = artifact.sign(directory, key)
        note(f"{directory} is signed by the key {name}")
