"""Who made a model: a signature over `riskclf.json`, by a key that only its maker has.

The digest in `riskclf.json` covers all that it says, and it holds the hash of every file that is
read; but anybody who changes a file can compute both anew. A signature cannot be made without the
private key. It is Ed25519 (RFC 8032) over two lines, "riskclf model" and the digest, and lies
beside `riskclf.json` in base64. Keys are PEM files, as OpenSSL writes them too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskclf.errors import InputError, MissingExtra, SignatureError
from riskclf.files import beside, write_text
from riskclf.manifest import SIGNATURE_FILE
from riskclf.modelfiles import PACKAGED, read_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

__all__ = ["VARIABLE", "new_key", "sign", "verify", "wanted_key"]

VARIABLE = "RISKCLF_PUBLIC_KEY"
"""Names the public key by which every model must be signed, but the packaged one."""

_MOST_BYTES = 10_000


def wanted_key(
    directory: Path, public_key: str | os.PathLike[str] | None
) -> str | os.PathLike[str] | None:
    """The public key that a model must be signed by; None where it need not be.

    Args:
        directory: of the model. The packaged one is trusted as much as this code.
        public_key: that was given for this model; it counts for every model.
    """
    if public_key is None and directory.resolve() != PACKAGED.resolve():
        return os.environ.get(VARIABLE) or None
    return public_key


def new_key(file: str | os.PathLike[str]) -> str:
    """Make a pair of keys: the private one for its owner only, and the public one in FILE.pub.

    Args:
        file: the private key.

    Returns:
        The name of the pair: the first half of the public key's SHA-256.

    Raises:
        InputError: one of the files exists, or cannot be written.
        MissingExtra: the package cryptography is not installed.
    """
    _needs_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write_new(Path(file), private, 0o600)
    try:
        _write_new(beside(file, ".pub"), public, 0o644)
    except InputError:
        Path(file).unlink()
        raise
    return _name(key.public_key())


def sign(directory: Path, digest: str, key: str | os.PathLike[str]) -> str:
    """Write the signature of a model that was checked; one that is there is replaced.

    Args:
        directory: of the model.
        digest: of its `riskclf.json`.
        key: file of the private key.

    Returns:
        The name of the key, as `new_key` gives it.

    Raises:
        InputError: the key cannot be used, or the signature cannot be written.
        MissingExtra: the package cryptography is not installed.
    """
    private: Ed25519PrivateKey = _key(key, is_private=True)
    signature = private.sign(_message(digest))
    text = base64.b64encode(signature).decode("ascii") + "\n"
    write_text(directory / SIGNATURE_FILE, text)
    return _name(private.public_key())


def verify(directory: Path, digest: str, public_key: str | os.PathLike[str]) -> str:
    """Check that a model was signed with the private key of this public one.

    Args:
        directory: of the model.
        digest: of its `riskclf.json`, as it was computed from what was read.
        public_key: file of the key.

    Returns:
        The name of the key, as `new_key` gives it.

    Raises:
        SignatureError: there is no signature, or it is not by this key over this model.
        ArtifactCorrupt: the signature's file cannot be read.
        InputError: the key cannot be used.
        MissingExtra: the package cryptography is not installed.
    """
    public: Ed25519PublicKey = _key(public_key, is_private=False)
    from cryptography.exceptions import InvalidSignature

    file = directory / SIGNATURE_FILE
    if not file.exists() and not file.is_symlink():
        raise SignatureError(
            f"{directory} has no {SIGNATURE_FILE}, and {public_key} asks for a signature: get the "
            "model with its signature, or sign it with `riskclf sign` if you trust it"
        )
    try:
        signature = base64.b64decode(read_text(file, _MOST_BYTES).strip(), validate=True)
        public.verify(signature, _message(digest))
    except (InvalidSignature, binascii.Error, ValueError):
        raise SignatureError(
            f"{file} is no signature of this model by {public_key}: another key signed it, or the "
            "model was changed afterwards; get both again from the person who signed it"
        ) from None
    return _name(public)


def _message(digest: str) -> bytes:
    return f"riskclf model\n{digest}\n".encode("ascii")


def _name(public: Ed25519PublicKey) -> str:
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:32]


def _key(file: str | os.PathLike[str], *, is_private: bool) -> Any:
    _needs_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    what = "private" if is_private else "public"
    try:
        with Path(file).open("rb") as stream:
            content = stream.read(_MOST_BYTES)
    except OSError as error:
        raise InputError(f"the {what} key {file} cannot be read: {error.strerror}") from None
    key: object = None
    try:
        if is_private:
            key = serialization.load_pem_private_key(content, password=None)
        else:
            key = serialization.load_pem_public_key(content)
    except TypeError:  # a passphrase is needed
        raise InputError(f"the private key {file} has a passphrase: riskclf reads none") from None
    except (ValueError, UnsupportedAlgorithm):
        pass
    kind = ed25519.Ed25519PrivateKey if is_private else ed25519.Ed25519PublicKey
    if not isinstance(key, kind):
        raise InputError(
            f"{file} is no Ed25519 {what} key in PEM: `riskclf new-key FILE` makes a pair, the "
            "public one in FILE.pub"
        )
    return key


def _write_new(file: Path, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(file, flags, mode), "wb") as stream:
            stream.write(content)
    except FileExistsError:
        raise InputError(
            f"{file} exists: choose another name, for a key is never overwritten"
        ) from None
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from None


def _needs_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise MissingExtra(
            'signatures need a package that is not installed: pip install "riskclf[sign]"'
        ) from None
