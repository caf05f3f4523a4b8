"""Unsafe calls: what of Python makes code of data, wherever it stands in a source.

The one idea: a source is read as a tree, so neither an alias nor a name in a comment misleads; what
is imported is followed to the name that it is used by. Everything that unpickles, evaluates or
imports by a name is found, also where it would be harmless: whoever needs it says why, in a list.
Not here: that list, and that it is kept (`tests.test_unsafe_calls`).
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

# Whatever is taken from these modules.
MODULES = frozenset(
    {
        *("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "jsonpickle", "hickle"),
        *("marshal", "shelve", "copyreg", "runpy", "code", "codeop", "imp", "multiprocessing"),
        *(
            "numpy.lib.npyio",
            "pandas.io.pickle",
            "ray",
            "asteval",
            "numexpr",
            "xmlrpc",
            "zipimport",
        ),
    }
)
# By the name that they have where they are made.
CALLS = frozenset(
    {
        *("eval", "exec", "compile", "__import__", "input", "breakpoint"),
        *("builtins.eval", "builtins.exec", "builtins.compile", "builtins.__import__"),
        *(
            "importlib.import_module",
            "importlib.__import__",
            "importlib.util.spec_from_file_location",
        ),
        *("importlib.util.module_from_spec", "importlib.reload", "importlib.metadata.entry_points"),
        *("torch.load", "torch.jit.load", "torch.hub.load", "torch.package.PackageImporter"),
        *("pandas.read_pickle", "pandas.eval", "pandas.read_hdf"),
        *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load"),
        *("yaml.unsafe_load_all", "yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader"),
        *("yaml.CLoader", "yaml.CFullLoader", "yaml.CUnsafeLoader", "yaml.Constructor"),
        *(
            "concurrent.futures.ProcessPoolExecutor",
            "concurrent.futures.process.ProcessPoolExecutor",
        ),
        *("os.system", "os.popen", "keras.models.load_model", "tensorflow.keras.models.load_model"),
        *("sklearn.utils._joblib", "numpy.fromregex", "ctypes.PyDLL", "types.CodeType"),
        *(
            "types.FunctionType",
            "sqlalchemy.PickleType",
            "sqlalchemy.types.PickleType",
            "logging.config.listen",
            "pyarrow.deserialize",
            "optuna.load_pickle",
        ),
    }
)
# Whoever calls them says `allow_pickle=False`.
LOADERS = frozenset({"numpy.load", "numpy.lib.format.read_array", "jax.numpy.load"})
YAML_TREES = frozenset({"yaml.compose", "yaml.compose_all", "yaml.parse", "yaml.scan"})
# On whatever they are called.
METHODS = frozenset(
    {"read_pickle", "to_pickle", "query_eval", "load_module", "exec_module", "spec_from_loader"}
)
ATTRIBUTES = frozenset({"__reduce__", "__reduce_ex__", "__globals__", "__subclasses__", "__code__"})


@dataclass(frozen=True)
class Found:
    """Something unsafe: its name, and the line."""

    name: str
    line: int


def find_unsafe(source: str) -> list[Found]:
    """All that is unsafe in a source, in the order of its lines."""
    tree = ast.parse(source)
    names = dict(_imported(tree))
    found = {one for node in ast.walk(tree) for one in _in_node(node, names)}
    return sorted(found, key=lambda one: (one.line, one.name))


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What names of a source stand for, wherever they are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                bound = one.asname or one.name.partition(".")[0]
                yield bound, one.name if one.asname else bound
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for one in node.names:
                yield one.asname or one.name, f"{node.module}.{one.name}"


def _in_node(node: ast.AST, names: dict[str, str]) -> Iterator[Found]:
    match node:
        case ast.Import() | ast.ImportFrom():
            yield from _in_import(node)
        case ast.Call():
            yield from _in_call(node, names)
        case ast.Name(ctx=ast.Load()):
            # Also without a call: it may be handed on.
            full = names.get(node.id, node.id)
            if full in CALLS:
                yield Found(full, node.lineno)
        case ast.Attribute(ctx=ast.Load()):
            full = _full_name(node, names)
            if full in CALLS or node.attr in METHODS | ATTRIBUTES:
                yield Found(full if full in CALLS else node.attr, node.lineno)


def _in_import(node: ast.Import | ast.ImportFrom) -> Iterator[Found]:
    if isinstance(node, ast.ImportFrom) and node.level:  # of our own
        return
    before = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    for one in node.names:
        full = before + one.name
        if _is_of(full) or full in CALLS:
            yield Found(f"import {full}", node.lineno)


def _in_call(node: ast.Call, names: dict[str, str]) -> Iterator[Found]:
    full = _full_name(node.func, names)
    named = {one.arg: one.value for one in node.keywords}
    if full in LOADERS:
        said = named.get("allow_pickle")
        if not (isinstance(said, ast.Constant) and said.value is False):
            yield Found(full, node.lineno)
    if full in YAML_TREES and "Loader" not in named:
        yield Found(full, node.lineno)
    if full == "getattr" and len(node.args) > 1 and not isinstance(node.args[1], ast.Constant):
        first = node.args[0]
        if isinstance(first, ast.Name) and first.id in names and names[first.id] == first.id:
            yield Found("getattr of a module", node.lineno)
    if full == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
        reached = f"{_full_name(node.args[0], names)}.{node.args[1].value}"
        if reached in CALLS:
            yield Found(reached, node.lineno)
    shell = named.get("shell")
    if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
        yield Found("a shell", node.lineno)


def _is_of(name: str) -> bool:
    """Whether a module is one of `MODULES`, or lies within one."""
    parts = name.split(".")
    return any(".".join(parts[: end + 1]) in MODULES for end in range(len(parts)))


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    """The dotted name of an expression where it is made; empty if it is no name."""
    match node:
        case ast.Name():
            return names.get(node.id, node.id)
        case ast.Attribute():
            before = _full_name(node.value, names)
            return f"{before}.{node.attr}" if before else ""
    return ""
