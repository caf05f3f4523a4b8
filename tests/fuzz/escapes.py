"""Escapes: names that lead, for one reader or another, out of the folder they are looked up in.

The one idea: what there is to reach (`TARGETS`) times the ways to get up to it (`CLIMBS`) times the
ways to spell that (`SPELLINGS`), and the odd ones that no table makes.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

SECRET = "kept-outside-7f3a"  # stands in every file that nobody may read
BARS = f"date,open,high,low,close,{SECRET}\n" + "".join(
    f"2020-01-{1 + day // 24:02d}T{day % 24:02d}:00:00,1,2,1,1.5,{SECRET}\n" for day in range(600)
)
OUTSIDE = "outside.csv"
TARGETS = (OUTSIDE, "etc/passwd", "etc/hostname.csv")
ANY_ROOT = "/proc/self/root"  # the whole file system, by another name
CLIMBS: tuple[Callable[[str], str], ...] = (
    lambda name: f"../{name}",
    lambda name: f"../../{name}",
    lambda name: "../" * 8 + name,
    lambda name: f"inside/../../{name}",
    lambda name: f"./.././{name}",
    lambda name: f"inside/..//../{name}",
    lambda name: f"..//{name}",
    lambda name: f"....//{name}",
    lambda name: f"..././{name}",
    lambda name: f".../{name}",
    lambda name: f"/{name}",
    lambda name: f"//{name}",
    lambda name: f"/./{name}",
    lambda name: f"//localhost/share/{name}",
    lambda name: f"C:/{name}",
    lambda name: f"C:../{name}",
    lambda name: f"file:///{name}",
    lambda name: f"file:../{name}",
    lambda name: f"~/{name}",
    lambda name: f"~root/{name}",
    lambda name: f"$HOME/../{name}",
    lambda name: f"linked/{name}",
    lambda name: f"/proc/self/cwd/{name}",
    lambda name: f"{ANY_ROOT}/{name}",
    lambda name: f"/dev/fd/../../{name}",
)
SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda path: path,
    lambda path: path.replace("/", "\\"),
    lambda path: path.replace("../", "..\\"),
    lambda path: quote(path, safe=""),
    lambda path: quote(quote(path, safe=""), safe=""),
    lambda path: path.replace("/", "%2f").replace("..", "%2e%2e"),
    lambda path: path.replace("..", ".%2e"),
    lambda path: path.replace("/", "%c0%af"),
    lambda path: path.replace("/", "%u2215"),
    lambda path: path.replace("/", "\u2215"),
    lambda path: path.replace("/", "\uff0f").replace(".", "\uff0e"),
    lambda path: path.replace("..", "\u2025"),
    lambda path: path.replace("../", "..;/"),
    lambda path: path + "\0.csv",
    lambda path: path + "%00.csv",
    lambda path: path + "\n.csv",
    lambda path: path + "/.csv",
    lambda path: path + " .csv",
    lambda path: path + "?.csv",
    lambda path: path + "#.csv",
    lambda path: path + "::$DATA.csv",
    lambda path: path + ".csv",
)
ODD = (
    *("", ".", "..", "/", "//", "\\", "~", "-", "--help", "|id", "$(id).csv", "`id`.csv"),
    *("con.csv", "NUL.csv", "aux.csv", ".csv", "..csv", "...csv", "*.csv", "?.csv", "[a-z]*.csv"),
    *("link.csv", "loop.csv", "pipe.csv", "device.csv", "folder.csv", "linked", "linked/.csv"),
    *("\0", "\0.csv", "a\0/../../outside.csv", "a" * 255 + ".csv", "a" * 5000 + ".csv"),
    *("a/" * 2000 + "b.csv", "../" * 1500 + "etc/passwd.csv", "\u202evsc.edistuo/..", "\ud800.csv"),
    *("\\\\?\\C:\\outside.csv", "\\\\.\\pipe\\x.csv", "smb://localhost/x.csv", "zip://a!/../b.csv"),
    *("http://127.0.0.1/x.csv", "s3://bucket/x.csv", "data:text/csv,a.csv", "expect://id.csv"),
    *("/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/environ", "/proc/self/fd/0"),
)


def payloads() -> Iterator[str]:
    """All of them, each once."""
    seen = set()
    for target in TARGETS:
        for climb in CLIMBS:
            for spell in SPELLINGS:
                seen.add(spell(climb(target)))
    yield from sorted(seen | set(ODD))


def lay_traps(data: Path) -> None:
    """Put into a folder what leads out of it, and beside it what must not be read."""
    outside = data.parent / OUTSIDE
    outside.write_text(BARS)
    (data.parent / "etc").mkdir(exist_ok=True)
    for name in ("etc/passwd", "etc/hostname.csv"):
        (data.parent / name).write_text(BARS)
    (data / "inside").mkdir(parents=True)
    (data / "folder.csv").mkdir()
    (data / "link.csv").symlink_to(outside)
    (data / "linked").symlink_to(data.parent)
    (data / "loop.csv").symlink_to("loop.csv")
    (data / "device.csv").symlink_to("/dev/zero")
    (data / "chain.csv").symlink_to("link.csv")
    (data / "good.csv").write_text(BARS.replace(SECRET, "note"))
