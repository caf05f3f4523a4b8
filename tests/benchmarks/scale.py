"""Scale: what becomes of the service when there is a lot of everything.

The one idea: a part is a function that plays or fills something large, tells its figures as they
come, and returns them. Run by `make bench PART=scale`, or by hand with the names of some parts;
leaves var/bench/scale.json, or scale-<parts>.json.
"""

import sys
from collections.abc import Callable, Mapping

import scale_fleet
import scale_store
from figures import VIOLATIONS, Figure, leave

PARTS: Mapping[str, Callable[[], list[Figure]]] = {
    "fleet": scale_fleet.figures,
    "store": scale_store.figures,
}


def main() -> None:
    """Play the parts that are named, or all."""
    names = sys.argv[1:] or list(PARTS)
    found = [figure for name in names for figure in PARTS[name]()]
    leave("scale" if names == list(PARTS) else "-".join(["scale", *names]), found)
    sys.exit(any(one.value for one in found if one.unit == VIOLATIONS))


if __name__ == "__main__":
    main()
