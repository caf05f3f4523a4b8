"""Seeds: every random draw of a study comes from its one seed and a path of labels.

The one idea: `derive(seed, *path)` is a pure hash, so a study replays on any machine,
under any number of workers, and two purposes share a stream only by a chance of 1 in 2**32.
"""

import hashlib


def derive(seed: int, *path: str | int) -> int:
    """Derive a 32-bit seed from `seed` and a path of labels.

    The result is the first four bytes, big-endian, of SHA-256 over the decimal seed and the
    path joined by `/`; it is the same in every process and on every platform.

    Args:
        seed: the study's seed, any integer.
        path: what the derived seed is for, from coarse to fine, e.g. `"trial", 17`.

    Returns:
        An integer in [0, 2**32), which NumPy and scikit-learn accept.

    >>> derive(7, "confirm", 0)
    3109631108
    >>> derive(7, "confirm", 1) == derive(7, "confirm", 0)
    False
    """
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
