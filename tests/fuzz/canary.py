"""A canary: files and texts that touch a file if anybody makes code of them.

The one idea: every form holds the same payload, which creates one file; whether that is there is
all that has to be asked. `release` makes each form work once, by the reader that falls for it, so
that a form that nobody could fall for is none.
Not here: who is fed (`tests.fuzz.test_canary`).
"""

import base64
import gzip
import io
import json
import marshal
import pickle  # what others must not have
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import yaml
from pyarrow import parquet

COLUMNS = ("date", "open", "high", "low", "close")
HEADER = ",".join((*COLUMNS, "note"))


class Bomb:
    """What touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        """Which file that is."""
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        """How to make this anew, says pickle; in truth something else."""
        return Path.touch, (self.path,)


def payloads(path: Path) -> dict[str, str]:
    """Texts that touch a file if they are run, evaluated or read without care."""
    code = f"__import__('pathlib').Path({str(path)!r}).touch()"
    packed = base64.b64encode(pickle.dumps(Bomb(path))).decode()
    return {
        "expression": code,
        "statement": f"import pathlib; pathlib.Path({str(path)!r}).touch()",
        "lambda": f"(lambda: {code})()",
        "format": f"{{{code}}}",
        "template": f"{{{{ {code} }}}}",
        "shell": f"$(touch {path})",
        "backticks": f"`touch {path}`",
        "semicolon": f"x; touch {path}; #",
        "pipe": f"|touch {path}",
        "formula": f"=cmd|'/C touch {path}'!A0",
        "pickle": packed,
        "pickle of protocol 0": pickle.dumps(Bomb(path), protocol=0).decode(),
        "yaml": f"!!python/object/apply:os.mknod [{path}]",
        "jsonpickle": json.dumps(
            {"py/reduce": [{"py/function": "os.mknod"}, {"py/tuple": [str(path)]}]}
        ),
        "log4j": f"${{jndi:file://{path}}}",
    }


def files(path: Path) -> dict[str, bytes]:
    """Files that touch a file if they are unpickled, among them tables and arrays."""
    bomb, raw = np.array([Bomb(path)], dtype=object), pickle.dumps(Bomb(path))
    array, arrays, joined, zipped, model = (io.BytesIO() for _ in range(5))
    np.save(array, bomb, allow_pickle=True)
    np.savez(arrays, weights_0=bomb, recipe=bomb, allow_pickle=True)
    joblib.dump(Bomb(path), joined)
    with zipfile.ZipFile(zipped, "w") as archive:  # as PyTorch writes
        archive.writestr("archive/data.pkl", raw)
        archive.writestr("archive/version", "3\n")
    with zipfile.ZipFile(model, "w") as archive:  # arrays that are none
        archive.writestr("weights_0.npy", raw)
    return {
        **{f"pickle {protocol}": pickle.dumps(Bomb(path), protocol) for protocol in range(6)},
        "packed pickle": gzip.compress(raw),
        "array": array.getvalue(),
        "arrays": arrays.getvalue(),
        "pickles called arrays": model.getvalue(),
        "joblib": joined.getvalue(),
        "torch": zipped.getvalue(),
        "marshal": marshal.dumps(compile(payloads(path)["expression"], "x", "eval")),
        "pickle after PAR1": b"PAR1" + raw + b"PAR1",
        **tables(path),
    }


def tables(path: Path) -> dict[str, bytes]:
    """Tables, good but for what stands in them beside numbers."""
    raw = pickle.dumps(Bomb(path))
    texts = [text.replace("\n", " ").replace('"', "'") for text in payloads(path).values()]
    rows = "".join(f'2020-01-{day + 1:02d},1,2,1,1.5,"{text}"\n' for day, text in enumerate(texts))
    prices: Mapping[str, Any] = {
        "date": ["2020-01-01", "2020-01-02"],
        **{name: [1.0, 1.0] for name in ("open", "low", "close")},
        "high": [2.0, 2.0],
    }
    extension = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": raw,
    }
    odd = pa.field("close", pa.float64(), metadata=extension)
    schema = pa.schema(
        [
            pa.field(name, pa.string() if name == "date" else pa.float64())
            for name in ("date", "open", "high", "low")
        ]
        + [odd]
    )
    columns = [pa.array(prices[field.name], field.type) for field in schema]
    return {
        "csv": f"{HEADER}\n{rows}".encode(),
        "csv header": f"{HEADER},{texts[0]}\n2020-01-01,1,2,1,1.5,x,y\n".encode(),
        "packed csv": gzip.compress(f"{HEADER}\n{rows}".encode()),
        "parquet": _parquet(pa.table({**prices, "note": [raw, raw]})),
        "parquet in a price": _parquet(pa.table({**prices, "close": [raw, raw]})),
        "parquet of an extension": _parquet(pa.Table.from_arrays(columns, schema=schema)),
        "parquet with metadata": _parquet(
            pa.table(prices).replace_schema_metadata({b"pandas": raw, b"pickle": raw})
        ),
    }


def _parquet(table: pa.Table) -> bytes:
    content = io.BytesIO()
    parquet.write_table(table, content)
    return content.getvalue()


def release(path: Path) -> int:
    """Let careless readers read the forms; returns how many of them touched the file."""
    readers: tuple[Callable[[], object], ...] = (
        *(lambda name=name: pickle.loads(files(path)[name]) for name in ("pickle 0", "pickle 5")),  # noqa: S301 # a careless reader
        lambda: np.load(io.BytesIO(files(path)["array"]), allow_pickle=True),
        lambda: np.load(io.BytesIO(files(path)["arrays"]), allow_pickle=True)["weights_0"],
        lambda: joblib.load(io.BytesIO(files(path)["joblib"])),
        lambda: eval(marshal.loads(files(path)["marshal"])),  # noqa: S302, S307 # a careless reader
        lambda: eval(payloads(path)["expression"]),  # noqa: S307 # a careless reader
        lambda: exec(payloads(path)["statement"]),  # noqa: S102 # a careless reader
        lambda: yaml.unsafe_load(payloads(path)["yaml"]),
        lambda: pickle.loads(base64.b64decode(payloads(path)["pickle"])),  # noqa: S301 # a careless reader
    )
    touched = 0
    for read in readers:
        path.unlink(missing_ok=True)
        read()
        touched += path.exists()
    path.unlink(missing_ok=True)
    return touched if touched == len(readers) else 0
